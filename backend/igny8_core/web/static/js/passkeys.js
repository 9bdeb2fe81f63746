// A passkey that failed or was cancelled is said on the page, not in the console.
document.addEventListener('allauth.error', (event) => {
  const place = document.getElementById('passkey_error')
  if (place === null) return
  event.preventDefault()
  place.hidden = false
})
