/** What is known of a record without opening it. */
export interface PersonRecord {
  id: number
  grid: string
  kind: string
  purpose: string
  owner: string
  owner_name: string
  reviewed_on: string
  review_on: string
  overdue: boolean
}

export interface Person {
  name: string
  phone: string
  address: string
  note: string
}

export interface Owner {
  username: string
  name: string
  grid: string | null
}

/** null: fewer than five, or one that would tell such a number. */
export interface PersonCount {
  grid: string
  kind: string
  records: number | null
}

export interface PersonList {
  persons: PersonRecord[]
  kinds: string[]
  purposes: string[]
  owners?: Owner[]
}
