/** What each action does to the skeleton of a character that faces right; lengths are character heights, up negative. */
import type { Action, Actor } from './types.ts'

/** Two bends of a limb that starts at shoulder or hip: elbow or knee, then hand or foot. */
type LimbPose = [bendX: number, bendY: number, endX: number, endY: number]

/** `near` limbs are on the side the character faces. `lift` raises the whole body, `lean` and `tilt` are radians. */
export type Pose = {
  near: LimbPose
  far: LimbPose
  nearLeg: LimbPose
  farLeg: LimbPose
  lift: number
  lean: number
  /** Of the head alone. */
  tilt: number
  scale: number
  eyesClosed: boolean
  /** On the ground, legs and soles towards the viewer. */
  seated: boolean
  /** On its side: the body is turned by a right angle, face up. */
  lying: boolean
}

const standing: Pose = {
  near: [0.21, -0.28, 0.19, -0.19],
  far: [-0.21, -0.28, -0.19, -0.19],
  nearLeg: [0.075, -0.1, 0.08, -0.035],
  farLeg: [-0.075, -0.1, -0.08, -0.035],
  lift: 0,
  lean: 0,
  tilt: 0,
  scale: 1,
  eyesClosed: false,
  seated: false,
  lying: false,
}

const poses: Record<Action, Pose> = {
  standing,
  waving: { ...standing, near: [0.29, -0.33, 0.345, -0.53], tilt: 0.06 },
  cheering: { ...standing, near: [0.3, -0.38, 0.34, -0.62], far: [-0.3, -0.38, -0.34, -0.62] },
  sitting: {
    ...standing,
    near: [0.23, -0.27, 0.25, -0.19],
    far: [-0.23, -0.27, -0.25, -0.19],
    nearLeg: [0.14, -0.19, 0.17, -0.17],
    farLeg: [-0.14, -0.19, -0.17, -0.17],
    lift: -0.11,
    seated: true,
  },
  jumping: {
    ...standing,
    near: [0.26, -0.34, 0.36, -0.41],
    far: [-0.26, -0.34, -0.36, -0.41],
    nearLeg: [0.14, -0.14, 0.21, -0.07],
    farLeg: [-0.14, -0.14, -0.21, -0.07],
    lift: 0.11,
    scale: 0.93,
  },
  running: {
    ...standing,
    near: [0.26, -0.25, 0.32, -0.35],
    far: [-0.27, -0.32, -0.3, -0.2],
    nearLeg: [0.2, -0.17, 0.22, -0.06],
    farLeg: [-0.12, -0.09, -0.28, -0.13],
    lift: 0.02,
    lean: 0.17,
  },
  reading: { ...standing, near: [0.24, -0.25, 0.14, -0.22], far: [-0.22, -0.25, -0.12, -0.22], tilt: 0.08 },
  balloon: { ...standing, near: [0.25, -0.28, 0.31, -0.38] },
  sleeping: { ...standing, eyesClosed: true, lying: true, scale: 0.85 },
  pointing: { ...standing, near: [0.26, -0.34, 0.4, -0.37], far: [-0.28, -0.27, -0.15, -0.21] },
  eating: { ...standing, near: [0.27, -0.27, 0.25, -0.39] },
  dancing: {
    ...standing,
    near: [0.28, -0.37, 0.3, -0.55],
    far: [-0.28, -0.3, -0.36, -0.25],
    nearLeg: [0.15, -0.11, 0.24, -0.06],
    lean: -0.12,
    tilt: 0.14,
  },
  flower: { ...standing, near: [0.24, -0.26, 0.27, -0.32] },
  kicking: {
    ...standing,
    near: [0.25, -0.3, 0.3, -0.22],
    far: [-0.28, -0.32, -0.34, -0.36],
    nearLeg: [0.17, -0.15, 0.28, -0.13],
    lean: -0.1,
  },
  walking: {
    ...standing,
    near: [0.25, -0.29, 0.29, -0.24],
    far: [-0.24, -0.29, -0.27, -0.17],
    nearLeg: [0.13, -0.12, 0.17, -0.035],
    farLeg: [-0.09, -0.1, -0.18, -0.05],
    lean: 0.04,
  },
  swimming: {
    ...standing,
    near: [0.29, -0.38, 0.37, -0.28],
    far: [-0.29, -0.38, -0.37, -0.28],
    lift: -0.02,
  },
  riding: {
    ...standing,
    near: [0.27, -0.3, 0.19, -0.26],
    far: [-0.2, -0.24, 0.07, -0.26],
    nearLeg: [0.17, -0.11, 0.07, 0.01],
    farLeg: [-0.12, -0.1, -0.05, 0.04],
    lift: 0.13,
    scale: 0.88,
  },
  hugging: { ...standing, near: [0.27, -0.26, 0.05, -0.235], far: [-0.27, -0.26, -0.05, -0.265], tilt: 0.1 },
  giving: { ...standing, near: [0.25, -0.22, 0.27, -0.22], far: [-0.18, -0.18, 0.16, -0.19] },
  painting: { ...standing, near: [0.27, -0.28, 0.25, -0.4], far: [-0.27, -0.26, -0.22, -0.2] },
  singing: { ...standing, near: [0.3, -0.27, 0.2, -0.36], far: [-0.3, -0.33, -0.33, -0.48], tilt: -0.06 },
  fishing: { ...standing, near: [0.25, -0.25, 0.24, -0.27], far: [-0.16, -0.2, 0.13, -0.22] },
  drinking: { ...standing, near: [0.32, -0.28, 0.21, -0.34] },
  holding: { ...standing, near: [0.25, -0.28, 0.3, -0.34] },
}

const withUmbrella: Pose = { ...standing, near: [0.28, -0.3, 0.28, -0.42], scale: 0.8 }
const withGuitar: Pose = { ...standing, near: [0.3, -0.3, 0.24, -0.37], far: [-0.28, -0.28, -0.1, -0.22] }
const hanging: Pose = { ...standing, near: [0.26, -0.31, 0.31, -0.29] }

/** How a character stands to do what it does with what it has. */
export function poseOf({ action, prop }: Pick<Actor, 'action' | 'prop'>): Pose {
  if (action !== 'holding') return poses[action]
  if (prop === 'umbrella') return withUmbrella
  if (prop === 'guitar') return withGuitar
  return prop === 'lantern' || prop === 'basket' ? hanging : poses.holding
}
