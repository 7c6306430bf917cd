import { expect, it } from 'vitest'
import { periodOf } from './period'

it('counts the days of the site, up to today', () => {
  const at = Date.parse('2018-12-30T17:00:00Z') // Monday 2018-12-31, 01:00 in Shanghai
  expect(periodOf('week', at, 'Asia/Shanghai')).toEqual({ from: '2018-12-31', to: '2018-12-31' })
  expect(periodOf('month', at, 'Asia/Shanghai')).toEqual({ from: '2018-12-01', to: '2018-12-31' })
  expect(periodOf('days30', at, 'Asia/Shanghai')).toEqual({ from: '2018-12-02', to: '2018-12-31' })
  expect(periodOf('year', at, 'Asia/Shanghai')).toEqual({ from: '2018-01-01', to: '2018-12-31' })
  expect(periodOf('week', at, 'UTC')).toEqual({ from: '2018-12-24', to: '2018-12-30' })
})
