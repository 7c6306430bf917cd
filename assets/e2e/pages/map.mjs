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

  /** Ids of the cases whose marker is on the screen. */
  cases() {
    return this.box.evaluate((box) => {
      const layers = ['case-icon-hot', 'case-icon', 'case-dot-hot', 'case-dot'].filter((id) => box.map.getLayer(id))
      const drawn = box.map.queryRenderedFeatures({ layers }).filter((feature) => feature.state.gone !== true)
      return [...new Set(drawn.map((feature) => feature.id))].sort((a, b) => a - b)
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
