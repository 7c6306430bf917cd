import { computed, reactive, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { Problem } from '../access/http'
import { useSession } from '../access/session'
import { useCameras } from '../cameras/store'
import { named, t } from '../i18n'
import type { Start } from '../live/start'
import { begin, changed, isDirty, redone, undone, type Draft } from './draft'
import { added, filled, freePoint, merged, overlaps, placed, sceneId, without } from './edit'
import { isWide, laidOut, raster, type Content, type Kind, type Layout, type Rect, type Scene } from './scenes'
import { useWall, type Screen, type Wall } from './store'

export type Drafting = ReturnType<typeof useDrafting>

/**
 * What is drawn on /walls and not saved yet: a draft of each scene and one of the wall's screens, which of them is open and
 * what is chosen in it, saving, and what to do when somebody else saved first. Until saved nothing is on a wall.
 */
export function useDrafting(state: Ref<Start>) {
  const session = useSession()
  const cameras = useCameras()
  const wall = useWall()

  const drafts = shallowReactive(new Map<string, Draft<Scene>>())
  const hanging = shallowRef<Draft<Wall> | null>(null)
  /** What is edited: a scene, or the wall's screens. */
  const opened = ref<string | null>(null)
  const chosen = ref<string | null>(null)
  const on = ref('')
  const preview = ref(false)
  const said = ref('')
  const trouble = ref('')
  const conflict = shallowRef<Scene | null>(null)
  const saving = ref(false)
  /** Somebody else drives the wall that the scene was to go to. */
  const driven = ref(false)

  const draft = computed(() => (opened.value === null ? null : (drafts.get(opened.value) ?? null)))
  const scene = computed(() => draft.value?.now ?? null)
  const active = computed(() => (opened.value === null ? hanging.value : draft.value))
  const screens = computed<Screen[]>(() => hanging.value?.now.screens ?? [])
  const screen = computed(() => screens.value.find((one) => one.id === on.value) ?? screens.value[0] ?? null)
  const wide = computed(() => screen.value !== null && isWide(screen.value.width_px, screen.value.height_px))
  const tile = computed(() => scene.value?.tiles.find((one) => one.id === chosen.value) ?? null)
  const dirty = computed(() => active.value !== null && isDirty<unknown>(active.value))
  const unsaved = computed(() => [...drafts.values()].some(isDirty) || (hanging.value !== null && isDirty(hanging.value)))
  /** What stands on the server and is newer than what the draft was made from. */
  const newer = computed(() => {
    const now = draft.value
    return now === null || now.base.revision === 0 ? null : (wall.scenes.find((one) => one.id === now.base.id && one.revision > now.base.revision) ?? null)
  })
  const clashes = computed(() => (scene.value === null ? [] : overlaps(scene.value, wide.value)))
  /** Scenes of the server and those that are not saved yet. */
  const rows = computed(() => [...wall.scenes.map((one) => drafts.get(one.id)?.now ?? one), ...[...drafts.values()].filter((one) => one.base.revision === 0).map((one) => one.now)])
  const may = computed(() => session.may('wall.drive'))

  watch(
    [() => wall.scenes, () => wall.wall, state],
    () => {
      if (state.value.kind !== 'ready') return
      for (const one of wall.scenes) {
        const now = drafts.get(one.id)
        // What nobody has touched here follows what stands; the rest waits for its keeper to decide.
        if (now === undefined || (!isDirty(now) && one.revision > now.base.revision)) drafts.set(one.id, begin(one))
      }
      if (wall.wall !== null && (hanging.value === null || !isDirty(hanging.value))) hanging.value = begin(wall.wall)
      for (const [id, now] of drafts) if (now.base.revision > 0 && !isDirty(now) && !wall.scenes.some((one) => one.id === id)) drafts.delete(id)
      if (opened.value === null || !drafts.has(opened.value)) opened.value = wall.scenes[0]?.id ?? null
    },
    { immediate: true },
  )

  function open(id: string | null): void {
    opened.value = id
    chosen.value = null
    preview.value = false
    trouble.value = ''
    said.value = ''
  }

  function change(next: Scene, step = ''): void {
    if (draft.value !== null) drafts.set(draft.value.base.id, changed(draft.value, next, step))
  }

  function hangChange(next: Wall, step: string): void {
    if (hanging.value !== null) hanging.value = changed(hanging.value, next, step)
  }

  function step(way: <T>(one: Draft<T>) => Draft<T>): void {
    if (opened.value === null) {
      if (hanging.value !== null) hanging.value = way(hanging.value)
    } else if (draft.value !== null) drafts.set(draft.value.base.id, way(draft.value))
  }

  function add(content: Content, x: number, y: number): void {
    if (scene.value === null) return
    const made = added(scene.value, content, x, y, wide.value)
    change(made.scene)
    chosen.value = made.id
  }

  /** A content that is clicked goes to the chosen tile, else to where there is most room. */
  function take(kind: Kind): void {
    if (scene.value === null) return
    if (tile.value !== null) return change(filled(scene.value, tile.value.id, { kind }))
    const free = freePoint(scene.value, wide.value) ?? { x: raster.width / 2, y: raster.height / 2 }
    add({ kind }, free.x, free.y)
  }

  function remove(id: string): void {
    if (scene.value === null || scene.value.tiles.length === 1) return
    change(without(scene.value, id))
    chosen.value = null
  }

  function lay(layout: Layout): void {
    if (scene.value !== null) change(laidOut(scene.value, layout))
    chosen.value = null
  }

  function fresh(from: Scene | null): void {
    const title = from === null ? { zh: t('editor.newZh'), en: 'New scene' } : { zh: `${from.title.zh} 2`, en: `${from.title.en} 2` }
    const id = sceneId(title.en, rows.value.map((one) => one.id))
    const made: Scene = { id, revision: 0, title, layout: from?.layout ?? '1', tiles: from?.tiles ?? [{ id: 't1', at: [0, 0, raster.width, raster.height], content: { kind: 'map' } }] }
    // A new scene has no base to go back to: all of it is unsaved.
    drafts.set(id, begin({ ...made, tiles: [] }, made))
    open(id)
  }

  async function attempt(act: () => Promise<void>): Promise<void> {
    saving.value = true
    driven.value = false
    trouble.value = ''
    said.value = ''
    try {
      await act()
    } catch (cause) {
      if (!(cause instanceof Problem)) throw cause
      if (cause.code === 'revision_conflict' && opened.value !== null) conflict.value = cause.standing as Scene
      else trouble.value = cause.detail || t('live.unreachable')
      driven.value = cause.code === 'wall_held'
    } finally {
      saving.value = false
    }
  }

  async function save(revision?: number): Promise<void> {
    await attempt(async () => {
      if (opened.value === null) {
        if (hanging.value === null) return
        const saved = await wall.saveWall(hanging.value.now)
        hanging.value = begin(saved)
        said.value = t('editor.savedWall')
        return
      }
      if (draft.value === null) return
      const { id, revision: made } = draft.value.base
      const saved = await wall.saveScene({ ...draft.value.now, id, revision: revision ?? made })
      drafts.set(id, { ...begin(saved), past: draft.value.past })
      conflict.value = null
      said.value = t('editor.saved', { n: saved.revision })
      await wall.loadScenes()
    })
  }

  /** The three ways on from a conflict that keep this scene; each can be taken back. */
  function settle(how: 'merge' | 'theirs' | 'mine'): void {
    const stands = conflict.value
    const now = draft.value
    if (stands === null || now === null) return
    conflict.value = null
    if (how === 'mine') return void save(stands.revision)
    const next = how === 'merge' ? merged(now.base, now.now, stands) : stands
    drafts.set(now.base.id, { ...changed(now, next), base: stands })
    chosen.value = null
    said.value = how === 'merge' ? t('editor.mergedSaid') : t('editor.theirsSaid')
  }

  function copy(): void {
    const now = draft.value
    conflict.value = null
    if (now === null) return
    const mine = now.now
    const stands = wall.scenes.find((one) => one.id === now.base.id)
    if (stands !== undefined) drafts.set(now.base.id, begin(stands))
    fresh(mine)
  }

  const removing = ref(false)
  async function removeScene(): Promise<void> {
    const now = draft.value
    if (now === null) return
    if (!removing.value) {
      removing.value = true
      setTimeout(() => (removing.value = false), 4_000)
      return
    }
    removing.value = false
    await attempt(async () => {
      if (now.base.revision > 0) await wall.removeScene(now.base.id)
      drafts.delete(now.base.id)
      open(null)
      await wall.loadScenes()
    })
  }

  async function onWall(takeOver = false): Promise<void> {
    const now = scene.value
    if (now === null || screen.value === null) return
    const to = screen.value.id
    await attempt(async () => {
      await wall.drive({ screen: to, scene: now.id, take_over: takeOver })
      said.value = t('wall.sceneOn', { scene: named(now.title) })
    })
  }

  function label(content: Content): string {
    const kind = t(`wall.kind.${content.kind}`)
    if (content.camera !== undefined) return cameras.cameras.get(content.camera)?.name ?? content.camera
    return content.show === undefined ? kind : `${kind} × ${content.show}`
  }

  const undo = () => step(undone)
  const redo = () => step(redone)
  const place = (id: string, at: Rect, name = '') => scene.value && change(placed(scene.value, id, at, wide.value), name)
  const put = (id: string, content: Content, name = '') => {
    if (scene.value !== null) change(filled(scene.value, id, content), name)
    chosen.value = id
  }
  /** Wide screens show the tile where all others do. */
  const asOthers = (id: string) => scene.value && change({ ...scene.value, tiles: scene.value.tiles.map((one) => (one.id === id ? { id, at: one.at, content: one.content } : one)) })
  const choose = (id: string | null) => (chosen.value = id)
  const togglePreview = () => (preview.value = !preview.value)
  /** Shows both, when somebody else saved a newer revision than the draft was made from. */
  const compare = () => (conflict.value = newer.value)
  const isUnsaved = (id: string) => {
    const now = drafts.get(id)
    return now !== undefined && isDirty(now)
  }
  const screensUnsaved = computed(() => hanging.value !== null && isDirty(hanging.value))

  return reactive({
    opened, chosen, on, preview, said, trouble, conflict, saving, driven, removing, hanging,
    draft, scene, active, screens, screen, wide, tile, dirty, unsaved, newer, clashes, rows, may, screensUnsaved,
    open, change, hangChange, undo, redo, add, take, remove, lay, fresh, save, settle, copy, removeScene, onWall, label, place, put, asOthers, choose, togglePreview, compare, isUnsaved,
  })
}
