/** What else Replicate's clients read: models and their versions, files, the account, the hardware. */
import { z } from 'zod'
import { pageOf } from './page.ts'

const Time = z.iso.datetime()

const page = <Item extends z.ZodType>(item: Item) => pageOf(item).extend({ previous: z.null() })

export const ModelVersion = z
  .object({
    id: z.string().describe('64 hex digits, the same for as long as the model has its name'),
    created_at: Time,
    cog_version: z.null(),
    openapi_schema: z.looseObject({}).describe('OpenAPI 3.1, with the components Input and Output'),
  })
  .meta({ id: 'ModelVersion' })
export type ModelVersion = z.infer<typeof ModelVersion>
export const ModelVersionList = page(ModelVersion).meta({ id: 'ModelVersionList' })

export const Model = z
  .object({
    url: z.url(),
    owner: z.string(),
    name: z.string(),
    description: z.string(),
    visibility: z.enum(['public', 'private']),
    is_official: z.boolean(),
    github_url: z.null(),
    paper_url: z.null(),
    license_url: z.null(),
    run_count: z.int(),
    cover_image_url: z.null(),
    default_example: z.null(),
    latest_version: ModelVersion,
  })
  .meta({ id: 'Model' })
export type Model = z.infer<typeof Model>
export const ModelList = page(Model).meta({ id: 'ModelList' })

export const MAX_FILE_BYTES = 20 * 1024 * 1024

/** An upload, for use as a reference picture: its `urls.get` may be put wherever a reference is asked for. */
export const UploadedFile = z
  .object({
    id: z.string(),
    name: z.string(),
    content_type: z.string(),
    size: z.int().describe('Bytes'),
    etag: z.string(),
    checksums: z.object({ sha256: z.string() }),
    metadata: z.record(z.string(), z.unknown()),
    created_at: Time,
    expires_at: Time,
    urls: z.object({ get: z.url().describe('The bytes; a link that needs no API key and ends with the file') }),
  })
  .meta({ id: 'UploadedFile' })
export type UploadedFile = z.infer<typeof UploadedFile>
export const UploadedFileList = page(UploadedFile).meta({ id: 'UploadedFileList' })

export const EmptyList = z
  .object({ previous: z.null(), next: z.null(), results: z.array(z.unknown()).max(0) })
  .meta({ id: 'EmptyList', example: { previous: null, next: null, results: [] } })

export const Account = z
  .object({
    type: z.enum(['user', 'organization']),
    username: z.string(),
    name: z.string(),
    github_url: z.null(),
    avatar_url: z.null(),
  })
  .meta({ id: 'Account' })

export const HardwareList = z.array(z.object({ name: z.string(), sku: z.string() })).meta({ id: 'HardwareList' })
