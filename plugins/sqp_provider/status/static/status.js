// Two things that HTML alone cannot do inside Airflow's frame. Without this script the page works all the same.
"use strict";

// Airflow keeps its theme under this key; "system" and nothing at all leave it to the browser.
function applyTheme() {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // storage is refused: the browser's preference stays
  }
  if (theme === "dark" || theme === "light") {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
}

applyTheme();
addEventListener("storage", applyTheme);

// The frame may neither open windows nor replace the page around it, so a link to Airflow is followed by that page
// itself, which is of the same origin. Otherwise Airflow would open within Airflow.
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
