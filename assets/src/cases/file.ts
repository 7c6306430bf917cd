import { onScopeDispose, shallowRef, watch, type Ref } from 'vue'
import { post, Problem, request } from '../access/http'
import { useCases } from './store'
import type { CaseFile, PhotoKind, TimelineEntry } from './types'

export interface MoveInput {
  move: string
  note?: string
  department?: string
  photos?: { kind: PhotoKind; id: string }[]
  rating?: number
  departments?: string[]
  until?: string
  case?: number
  fields?: Record<string, number>
}

/** One case with its timeline and what this account may do, kept fresh: an event on the case loads it again. */
export function useCaseFile(id: Ref<number | null>) {
  const cases = useCases()
  const file = shallowRef<CaseFile | null>(null)
  const timeline = shallowRef<TimelineEntry[]>([])
  const problem = shallowRef<Problem | null>(null)
  let asked = 0
  let newest = Promise.resolve()

  /** Resolves when the case stands as it was last asked for: an event may have asked again meanwhile, and that answer counts. */
  async function load(): Promise<void> {
    newest = ask()
    for (let mine: Promise<void> | null = null; mine !== newest; ) {
      mine = newest
      await mine
    }
  }

  async function ask(): Promise<void> {
    const wanted = id.value
    if (wanted === null) return
    asked += 1
    const mine = asked
    try {
      const [answer, history] = await Promise.all([
        request<CaseFile>(`/api/v1/cases/${wanted}`),
        request<{ entries: TimelineEntry[] }>(`/api/v1/cases/${wanted}/timeline`),
      ])
      if (mine !== asked) return // a later question is under way
      file.value = answer
      timeline.value = history.entries
      problem.value = null
    } catch (cause) {
      if (mine === asked) problem.value = problemOf(cause)
    }
  }

  /** Makes a move; throws Problem when it is refused. The event that follows reaches this page like any other. */
  async function move(input: MoveInput): Promise<void> {
    await post(`/api/v1/cases/${id.value}/moves`, input)
    await load()
  }

  watch(
    id,
    () => {
      file.value = null
      timeline.value = []
      problem.value = null
      void load()
    },
    { immediate: true },
  )
  onScopeDispose(
    cases.onChange((change) => {
      if (change.kind === 'all' || change.id === id.value) void load()
    }),
  )

  return { file, timeline, problem, move, load }
}

export function problemOf(cause: unknown): Problem {
  if (cause instanceof Problem) return cause
  throw cause
}
