// Says when the page may be old: the stream of events is interrupted. Afterwards it has all read again.
// If the session has ended, it loads the page, which then asks for a new login.
const stream = document.getElementById('events'), old = document.getElementById('old');
const readAgain = () => ['job', 'device'].forEach(kind => stream.dispatchEvent(new Event(kind)));
stream?.addEventListener('htmx:sse:error', e => {
  old.hidden = false;
  if (e.detail.status === 401) location.reload();
});
stream?.addEventListener('htmx:sse:after:connection', () => {
  if (old.hidden) return;
  old.hidden = true;
  readAgain();
});
stream?.addEventListener('reset', readAgain); // the service has no events of the time between
