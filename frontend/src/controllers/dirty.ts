import { Controller } from '@hotwired/stimulus'

/** A form that says whether it was touched, and asks before a touched one is left behind. */
export class DirtyController extends Controller<HTMLFormElement> {
  static targets = ['flag']
  declare readonly flagTarget: HTMLInputElement

  disconnect() {
    window.removeEventListener('beforeunload', this.ask)
  }

  touch() {
    if (this.flagTarget.value) return
    this.flagTarget.value = '1'
    window.addEventListener('beforeunload', this.ask)
  }

  leave() {
    window.removeEventListener('beforeunload', this.ask)
  }

  private ask = (event: BeforeUnloadEvent) => event.preventDefault()
}
