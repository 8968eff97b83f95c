/** Small words for making and changing elements. */

/**
 * Make an element.
 * @param {string} tag with classes, as `td.num.buy`
 * @param {Record<string, any>} [props] attributes; `on…` are listeners, `text` the content
 * @param {...(Node|string|null|undefined)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "text") made.textContent = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Find the one element that is there by its id.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/**
 * Change the text of an element only when it is another one: the browser then has nothing to do.
 * @param {any} node
 * @param {string} text
 */
export function put(node, text) {
  if (node.shown !== text) {
    node.shown = text;
    node.textContent = text;
  }
}

/**
 * Make a function that asks for one call at the next frame, however often it is called before.
 * @param {() => void} draw
 * @returns {() => void}
 */
export function perFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/**
 * Write a time of day.
 * @param {number} ms
 * @returns {string}
 */
export function clockText(ms) {
  return new Date(ms).toLocaleTimeString("en-GB", { hour12: false });
}

/**
 * Write a date with the time of day.
 * @param {number} ms
 * @returns {string}
 */
export function dateText(ms) {
  const at = new Date(ms);
  const day = at.toLocaleDateString("en-GB", { day: "2-digit", month: "2-digit" });
  return `${day} ${clockText(ms)}`;
}

/**
 * Tell whether an element is on the screen: what is hidden need not be drawn.
 * @param {HTMLElement} node
 * @returns {boolean}
 */
export function isShown(node) {
  return node.offsetParent !== null;
}
