// What HTML alone cannot do inside Airflow's frame. The page also works without this script.
"use strict";

// Airflow stores its theme under this key. With "system" or no value, the browser's preference applies.
function applyTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // the browser refuses storage, so its own preference applies
  }
  if (theme === "dark" || theme === "light") {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
}

applyTheme();
addEventListener("storage", applyTheme);

// The frame may neither open windows nor replace the page around it. So the outer page, which has the same origin,
// follows a link to Airflow. Otherwise Airflow would open inside Airflow.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-airflow]");
  if (!link || window.parent === window || link.origin !== location.origin) {
    return;
  }
  let outside;
  try {
    outside = window.parent.document.createElement("a");
  } catch {
    return;
  }
  event.preventDefault();
  outside.href = link.href;
  if (event.ctrlKey || event.metaKey) {
    outside.target = "_blank";
    outside.rel = "noopener";
  }
  outside.click();
});

// A click anywhere in a feed's row does what the feed's link does, unless it selects text.
document.addEventListener("click", (event) => {
  const row = event.target.closest(".matrix tbody");
  if (row && !event.target.closest("a") && getSelection().isCollapsed) {
    row.querySelector("th a").click();
  }
});

// A form without a value for a field leaves the field out of the address.
document.addEventListener("formdata", (event) => {
  for (const [name, value] of [...event.formData]) {
    if (value === "") {
      event.formData.delete(name);
    }
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) {
    return;
  }
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    // The browser refuses, as it does without https: the command is shown and selected, to be copied by hand.
    const command = button.previousElementSibling ?? button.parentElement.insertBefore(document.createElement("code"), button);
    command.textContent = button.dataset.copy;
    getSelection().selectAllChildren(command);
  }
});

// While a sync runs the page asks for itself again, and takes over what changed: part by part, so that nothing flashes,
// and scroll position, open details and focus stay. It pauses while nobody sees it, and ends when no sync runs.
const FOCUSABLE = "a, button, input, select, summary, [tabindex]";

function follow() {
  let shown = null; // the parts as the server wrote them, before anybody opened details in them
  const parts = (page) => [...page.querySelector("main").children];
  async function refresh() {
    const seconds = Number(document.body.dataset.refresh);
    if (!seconds) {
      return;
    }
    if (document.visibilityState === "visible" && !document.activeElement.matches("main input, main select")) {
      try {
        const answer = await fetch(location.href);
        if (answer.ok) {
          take(new DOMParser().parseFromString(await answer.text(), "text/html"));
        }
      } catch {
        // Airflow does not answer; the next time it may
      }
    }
    setTimeout(refresh, seconds * 1000);
  }
  function take(page) {
    const next = parts(page);
    const html = next.map((part) => part.outerHTML);
    const current = parts(document);
    if (next.length === current.length) {
      next.forEach((part, place) => html[place] === shown[place] || replace(current[place], part));
    } else {
      document.querySelector("main").replaceChildren(...next);
    }
    shown = html;
    document.title = page.title;
    document.querySelector("#refreshing").hidden = page.querySelector("#refreshing").hidden;
    if (page.body.dataset.refresh === undefined) {
      delete document.body.dataset.refresh;
    }
  }
  function replace(old, part) {
    const open = [...old.querySelectorAll("details")].map((each) => each.open);
    part.querySelectorAll("details").forEach((each, place) => (each.open = open[place] ?? each.open));
    const focused = [...old.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
    old.replaceWith(part);
    if (focused >= 0) {
      part.querySelectorAll(FOCUSABLE)[focused]?.focus({ preventScroll: true });
    }
  }
  shown = parts(document).map((part) => part.outerHTML);
  setTimeout(refresh, Number(document.body.dataset.refresh) * 1000);
}

addEventListener("DOMContentLoaded", () => {
  if (document.body.dataset.refresh) {
    follow();
  }
});
