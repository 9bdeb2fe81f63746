import { Controller } from '@hotwired/stimulus'

/** A form whose fields apply as they change: no button to find. */
export class SubmitController extends Controller<HTMLFormElement> {
  now() {
    this.element.requestSubmit()
  }
}
