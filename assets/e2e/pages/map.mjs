/** The town on a page, asked what it really drew. */
export class TownMap {
  constructor(page) {
    this.page = page
    this.box = page.getByTestId('map')
  }

  async ready() {
    await this.page.locator('[data-testid="map"][data-ready="true"]').waitFor({ timeout: 60_000 })
    await this.box.evaluate((box) => new Promise((resolve) => (box.map.loaded() && !box.map.isMoving() ? resolve() : box.map.once('idle', resolve))))
  }

  /** Ids of the cases whose marker is on the screen: where one is said to be, the canvas is not empty. */
  cases() {
    return this.box.evaluate((box) => {
      const { canvas, drawn } = box.incidents
      const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      const density = canvas.width / canvas.clientWidth
      const seen = drawn.filter(({ x, y }) => {
        const [column, row] = [Math.floor(x * density), Math.floor(y * density)]
        return column >= 0 && row >= 0 && column < width && row < height && data[(row * width + column) * 4 + 3] > 0
      })
      return seen.map(({ id }) => id).sort((a, b) => a - b)
    })
  }

  /** How many features of a layer are on the screen. */
  count(layer) {
    return this.box.evaluate((box, id) => box.map.queryRenderedFeatures({ layers: [id] }).length, layer)
  }

  /** Where a place is, in px of the page. */
  async at({ lon, lat }) {
    const box = await this.box.boundingBox()
    const { x, y } = await this.box.evaluate((element, at) => element.map.project(at), [lon, lat])
    return { x: box.x + x, y: box.y + y }
  }

  async click(place) {
    const { x, y } = await this.at(place)
    await this.page.mouse.click(x, y)
  }
}
