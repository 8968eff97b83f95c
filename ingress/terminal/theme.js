/** Dark or light: as the system says, until a person chooses. */

const PLACE = "theme";

/**
 * Set the theme of the page.
 * @param {() => void} changed called after every change
 */
export function beginTheme(changed) {
  const wanted = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    document.documentElement.dataset.theme = localStorage.getItem(PLACE) ?? (wanted.matches ? "light" : "dark");
    changed();
  };
  wanted.addEventListener("change", apply);
  apply();
}

/**
 * Take the other theme.
 * @param {() => void} changed
 */
export function toggleTheme(changed) {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(PLACE, next);
  changed();
}
