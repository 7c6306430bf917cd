import { ref } from 'vue'

export type Theme = 'dark' | 'light'

const key = 'gridwall.theme'

export const theme = ref<Theme>(localStorage.getItem(key) === 'light' ? 'light' : 'dark')

export function setTheme(next: Theme): void {
  theme.value = next
  localStorage.setItem(key, next)
  document.documentElement.dataset.theme = next
}

/** Only pages that offer the switch follow what is remembered: a wall is dark unless its address says otherwise. */
export function useRememberedTheme(): void {
  document.documentElement.dataset.theme = theme.value
}

/** The value of a colour token as it stands now, for what is drawn on a canvas. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** Size of 1 rem against the 16 px that the layout is drawn at: 2 on a 4K wall. */
export function remScale(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16
}
