// A form that saves itself: a while after a change, one save at a time, and none under way when the
// form is sent, since that would make the form's version stale.

import { typedAlready } from "./typed.js";

const WAIT = 900;

// `send` saves and shows the answer, `lost` says that it did not get through; `on` is the event.
export function savesItself(form, on, send, lost) {
  let timer = 0;
  let busy = false;
  let again = false;
  let leaving = false;

  async function save() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      await send();
    } catch {
      if (!leaving) lost();
    }
    busy = false;
    if (again) {
      again = false;
      save();
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(save, WAIT);
  }

  function sent(event) {
    clearTimeout(timer);
    if (!busy) {
      leaving = true;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    const button = event.submitter;
    const wait = setInterval(() => {
      if (busy) return;
      clearInterval(wait);
      form.requestSubmit(button);
    }, 50);
  }

  form.addEventListener(on, later);
  form.addEventListener("submit", sent, true);
  if (typedAlready(form)) form.dispatchEvent(new Event(on));
}
