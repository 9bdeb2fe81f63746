import { Controller } from '@hotwired/stimulus'

/**
 * Cards that are dragged to another column. Dropping one presses the button of its own menu that
 * leads there, so that mouse, keyboard and no script at all do the same.
 */
export class BoardController extends Controller<HTMLElement> {
  static targets = ['column']
  declare readonly columnTargets: HTMLElement[]
  private card?: HTMLElement

  lift(event: DragEvent) {
    this.card = (event.target as HTMLElement).closest<HTMLElement>('[draggable]') ?? undefined
    event.dataTransfer?.setData('text/plain', this.card?.id ?? '')
  }

  over(event: DragEvent) {
    const column = this.columnOf(event)
    if (!column || !this.way(column)) return
    event.preventDefault()
    column.dataset.over = ''
  }

  leave(event: DragEvent) {
    delete this.columnOf(event)?.dataset.over
  }

  drop(event: DragEvent) {
    event.preventDefault()
    const column = this.columnOf(event)
    if (column) this.way(column)?.click()
    this.end()
  }

  end() {
    for (const column of this.columnTargets) delete column.dataset.over
    this.card = undefined
  }

  private columnOf(event: DragEvent) {
    return this.columnTargets.find((column) => column.contains(event.target as Node))
  }

  private way(column: HTMLElement) {
    return this.card?.querySelector<HTMLElement>(`[data-to="${column.dataset.status}"]`)
  }
}
