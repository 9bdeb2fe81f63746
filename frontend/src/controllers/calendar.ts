import { Controller } from '@hotwired/stimulus'
import htmx from 'htmx.org'

/**
 * Articles that are dragged to another day: they keep their time of day. The dialog that each of
 * them opens does the same by keyboard.
 */
export class CalendarController extends Controller<HTMLElement> {
  static targets = ['day']
  declare readonly dayTargets: HTMLElement[]
  private item?: HTMLElement

  lift(event: DragEvent) {
    this.item = (event.target as HTMLElement).closest<HTMLElement>('[data-url]') ?? undefined
    event.dataTransfer?.setData('text/plain', this.item?.dataset.url ?? '')
  }

  over(event: DragEvent) {
    if (!this.item) return
    event.preventDefault()
    ;(event.currentTarget as HTMLElement).dataset.over = ''
  }

  leave(event: DragEvent) {
    delete (event.currentTarget as HTMLElement).dataset.over
  }

  drop(event: DragEvent) {
    event.preventDefault()
    const day = (event.currentTarget as HTMLElement).dataset.day
    const { url, time } = this.item?.dataset ?? {}
    if (url && day)
      void htmx.ajax('post', url, {
        values: { publish_at: `${day}T${time ?? '09:00'}`, from: 'calendar' },
        swap: 'none',
        target: 'body',
      })
    this.end()
  }

  end() {
    for (const day of this.dayTargets) delete day.dataset.over
    this.item = undefined
  }
}
