import { Application } from '@hotwired/stimulus'
import htmx from 'htmx.org'
import { Idiomorph } from 'idiomorph'
import { BoardController } from './controllers/board'
import { BulkController } from './controllers/bulk'
import { CalendarController } from './controllers/calendar'
import { DialogController } from './controllers/dialog'
import { DirtyController } from './controllers/dirty'
import { LazyController } from './controllers/lazy'
import { LiveController } from './controllers/live'
import { SubmitController } from './controllers/submit'
import { ThemeController } from './controllers/theme'
import { UploadController } from './controllers/upload'

// Strict CSP: no eval, no injected <style>, no scripts in swapped HTML. Each element names its own
// target (htmx 4's rule). No history cache: tenant HTML must not lie in localStorage.
Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  disableInheritance: true,
  historyCacheSize: 0,
  defaultSettleDelay: 0,
  // By default htmx 2 throws away the body of every 4xx. Ours are fragments that say what to do.
  responseHandling: [
    { code: '204', swap: false },
    { code: '[23]..', swap: true },
    // The error mapper sends these to #dialog, or back into the form that was wrong.
    { code: '(402|403|404|409|422|502|503)', swap: true },
    { code: '...', swap: false, error: true },
  ],
})

const TEXT_FIELD = 'input:not([type=checkbox],[type=radio]), textarea, [contenteditable]'

htmx.defineExtension('morph', {
  isInlineSwap: (style: string) => style === 'morph',
  handleSwap: (style: string, target: Node, fragment: Node) => {
    if (style !== 'morph') return false
    return Idiomorph.morph(target as Element, (fragment as DocumentFragment).children, {
      morphStyle: 'outerHTML',
      callbacks: {
        // Leave a field alone while someone types in it. idiomorph's own `ignoreActiveValue` also
        // skips the children of a focused button, so a paused run would go on saying "Pause".
        beforeNodeMorphed: (old: Node) =>
          !(old === document.activeElement && (old as Element).matches(TEXT_FIELD)),
      },
    }) as Node[]
  },
})

on('htmx:configRequest', ({ verb, parameters, headers }) => {
  // Empty filters are dropped, so that shared links stay short.
  if (verb === 'get')
    for (const name of Object.keys(parameters)) if (parameters[name] === '') delete parameters[name]
  headers['X-CSRFToken'] = meta('csrf')
})
on('toast', ({ value, text, undo }) => toast(text ?? value, false, undo))
on('close-dialog', () => {
  document.getElementById('dialog')?.replaceChildren()
  for (const menu of document.querySelectorAll<HTMLElement>('.menu:popover-open')) menu.hidePopover()
})
// A failed request is never silent. What the error mapper has answered shows itself.
for (const event of ['htmx:sendError', 'htmx:timeout']) on(event, () => toast(meta('failed'), true))
on('htmx:responseError', ({ xhr }) => {
  if (xhr.getResponseHeader('HX-Retarget') || xhr.getResponseHeader('HX-Trigger')) return
  if (xhr.status !== 422) toast(`${meta('broke')} ${xhr.getResponseHeader('X-Request-ID') ?? ''}`, true)
})

document.addEventListener('keydown', (event) => {
  if (event.key === 'k' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault()
    document.getElementById('jump')?.click()
    return
  }
  const typing = (event.target as Element).closest('input, textarea, select, [contenteditable]')
  if (event.key !== '/' || typing) return
  event.preventDefault()
  document.querySelector<HTMLElement>('[data-hotkey="/"]')?.focus()
})

const app = Application.start()
app.register('board', BoardController)
app.register('bulk', BulkController)
app.register('calendar', CalendarController)
app.register('dialog', DialogController)
app.register('dirty', DirtyController)
app.register('lazy', LazyController)
app.register('live', LiveController)
app.register('submit', SubmitController)
app.register('theme', ThemeController)
app.register('upload', UploadController)
performance.mark('igny8:interactive')

interface Undo {
  label: string
  url: string
  values: Record<string, string>
}

function toast(text: string, isBad = false, undo?: Undo) {
  const note = document.createElement('div')
  note.className = isBad ? 'toast toast-bad' : 'toast'
  note.textContent = text
  if (undo) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'link'
    button.textContent = undo.label
    button.addEventListener('click', () => {
      note.remove()
      void htmx.ajax('post', undo.url, { values: undo.values, swap: 'none', target: 'body' })
    })
    note.append(button)
  }
  document.getElementById('toasts')?.append(note)
  setTimeout(() => note.remove(), undo || isBad ? 15000 : 6000)
}

function meta(name: string) {
  return document.querySelector<HTMLMetaElement>(`meta[name=${name}]`)?.content ?? ''
}

// htmx types no event details, hence the `any`.
function on(event: string, handle: (detail: any) => void) {
  document.addEventListener(event, (raised) => handle((raised as CustomEvent).detail))
}
