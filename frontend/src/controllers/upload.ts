import { Controller } from '@hotwired/stimulus'

/** A file that is dropped or chosen: the form goes off at once and shows how far it is. */
export class UploadController extends Controller<HTMLFormElement> {
  static targets = ['file', 'zone', 'name', 'progress']
  declare readonly fileTarget: HTMLInputElement
  declare readonly zoneTarget: HTMLElement
  declare readonly nameTarget: HTMLElement
  declare readonly progressTarget: HTMLProgressElement

  connect() {
    this.element.addEventListener('htmx:xhr:progress', this.onProgress)
  }

  disconnect() {
    this.element.removeEventListener('htmx:xhr:progress', this.onProgress)
  }

  over(event: DragEvent) {
    event.preventDefault()
    this.zoneTarget.dataset.over = ''
  }

  leave() {
    delete this.zoneTarget.dataset.over
  }

  drop(event: DragEvent) {
    event.preventDefault()
    this.leave()
    if (!event.dataTransfer?.files.length) return
    this.fileTarget.files = event.dataTransfer.files
    this.chosen()
  }

  chosen() {
    const file = this.fileTarget.files?.[0]
    if (!file) return
    this.nameTarget.textContent = file.name
    this.progressTarget.hidden = false
    this.element.requestSubmit()
  }

  private onProgress = (event: Event) => {
    const { loaded, total } = (event as CustomEvent<{ loaded: number; total: number }>).detail
    if (total) this.progressTarget.value = loaded / total
  }
}
