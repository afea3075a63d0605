/** `/openapi.json` of Cog's wire: the components Input and Output are what Replicate's pages draw their form from. */
import { z } from 'zod'
import { PredictionEvent, PredictionInput } from '../../../contract/prediction.ts'

/** The order in which a form shows the inputs. */
function orderedInput(): object {
  const { $schema: _, $defs = {}, ...schema } = z.toJSONSchema(PredictionInput, { io: 'input' })
  const inlined = inline(schema, $defs) as { properties: Record<string, object> }
  const properties = Object.fromEntries(
    Object.entries(inlined.properties).map(([name, property], order) => [
      name,
      { ...property, title: titleOf(name), 'x-order': order },
    ]),
  )
  return { ...inlined, title: 'Input', properties }
}

const titleOf = (name: string) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ')

function inline(node: unknown, definitions: Record<string, unknown>): unknown {
  return JSON.parse(JSON.stringify(node), (_key, value) => {
    if (typeof value !== 'object' || value === null || !('$ref' in value)) return value
    const { $ref, ...beside } = value
    return { ...(inline(definitions[String($ref).replace('#/$defs/', '')], definitions) as object), ...beside }
  })
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const body = (name: string) => ({ content: { 'application/json': { schema: ref(name) } } })
const Id = { type: 'string', title: 'Id' }

export function openapiDocument(version: string): object {
  const request = { requestBody: body('PredictionRequest') }
  const responses = {
    200: { description: 'The prediction', ...body('PredictionResponse') },
    202: { description: 'Started, with `Prefer: respond-async`', ...body('PredictionResponse') },
    409: { description: 'Another prediction is under way' },
    422: { description: 'The input is wrong', ...body('HTTPValidationError') },
    503: { description: 'The model is not open' },
  }
  const params = [{ name: 'prediction_id', in: 'path', required: true, schema: Id }]
  return {
    openapi: '3.0.2',
    info: { title: 'Cog', version },
    paths: {
      '/': { get: { summary: 'Root', operationId: 'root', responses: { 200: { description: 'The paths' } } } },
      '/health-check': {
        get: { summary: 'Healthcheck', operationId: 'healthcheck', responses: { 200: { description: 'The state' } } },
      },
      '/predictions': { post: { summary: 'Predict', operationId: 'predict', ...request, responses } },
      '/predictions/{prediction_id}': {
        put: {
          summary: 'Predict Idempotent',
          operationId: 'predict_idempotent',
          parameters: params,
          ...request,
          responses,
        },
      },
      '/predictions/{prediction_id}/cancel': {
        post: {
          summary: 'Cancel',
          operationId: 'cancel',
          parameters: params,
          responses: { 200: { description: 'It is being canceled' }, 404: { description: 'No such prediction' } },
        },
      },
      '/shutdown': {
        post: {
          summary: 'Start Shutdown',
          operationId: 'start_shutdown',
          responses: { 200: { description: 'It ends' } },
        },
      },
    },
    components: {
      schemas: {
        Input: orderedInput(),
        Output: {
          title: 'Output',
          type: 'array',
          items: { type: 'string', format: 'uri' },
          'x-cog-array-type': 'iterator',
        },
        Status: {
          title: 'Status',
          type: 'string',
          enum: ['starting', 'processing', 'succeeded', 'canceled', 'failed'],
        },
        WebhookEvent: { title: 'WebhookEvent', type: 'string', enum: PredictionEvent.options },
        PredictionRequest: {
          title: 'PredictionRequest',
          type: 'object',
          properties: {
            id: Id,
            input: ref('Input'),
            webhook: { type: 'string', format: 'uri', title: 'Webhook' },
            webhook_events_filter: { type: 'array', items: ref('WebhookEvent'), title: 'Webhook Events Filter' },
            output_file_prefix: { type: 'string', title: 'Output File Prefix' },
          },
        },
        PredictionResponse: {
          title: 'PredictionResponse',
          type: 'object',
          properties: {
            id: Id,
            input: ref('Input'),
            output: ref('Output'),
            status: ref('Status'),
            logs: { type: 'string', title: 'Logs', default: '' },
            error: { type: 'string', title: 'Error' },
            metrics: { type: 'object', title: 'Metrics' },
            created_at: { type: 'string', format: 'date-time', title: 'Created At' },
            started_at: { type: 'string', format: 'date-time', title: 'Started At' },
            completed_at: { type: 'string', format: 'date-time', title: 'Completed At' },
          },
        },
        HTTPValidationError: {
          title: 'HTTPValidationError',
          type: 'object',
          properties: { detail: { type: 'array', items: { type: 'object' }, title: 'Detail' } },
        },
      },
    },
  }
}
