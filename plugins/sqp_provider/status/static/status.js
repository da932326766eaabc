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
