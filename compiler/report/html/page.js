// The page around the matrix: what needs a script is shown, the theme is chosen,
// the page is filtered, and a printer is given everything. Texts of the report
// enter the document as text only: nothing here parses HTML.
const $ = (id) => document.getElementById(id);
const root = document.documentElement;
root.classList.add('js');
for (const e of document.querySelectorAll('.js-only')) e.hidden = false;

// make builds an element: properties, then children, of which texts stay texts.
function make(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k in e) e[k] = v; else e.setAttribute(k, v);
  }
  e.append(...children);
  return e;
}

// The theme: as the system, until the button is pressed.
const themes = { auto: 'as the system', light: 'light', dark: 'dark' };
function setTheme(name) {
  if (name === 'auto') root.removeAttribute('data-theme'); else root.dataset.theme = name;
  $('theme').setAttribute('aria-label', 'Theme: ' + themes[name]);
  $('theme').title = 'Theme: ' + themes[name];
}
function storedTheme(name) {
  try { // a page from disk may have no storage
    if (name) localStorage.setItem('kubeteus-theme', name);
    return localStorage.getItem('kubeteus-theme');
  } catch { return null; }
}
let theme = storedTheme() in themes ? storedTheme() : 'auto';
setTheme(theme);
$('theme').addEventListener('click', () => {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const order = dark ? ['auto', 'light', 'dark'] : ['auto', 'dark', 'light'];
  theme = order[(order.indexOf(theme) + 1) % 3];
  storedTheme(theme);
  setTheme(theme);
});

// The filter of the page: an item is shown if it has every word.
const items = [...document.querySelectorAll('[data-item]')].map((e) => ({ e, text: null }));
function filterPage() {
  const words = $('find').value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of items) {
    item.text ??= item.e.textContent.toLowerCase();
    item.e.hidden = !words.every((w) => item.text.includes(w));
  }
}
let soon = 0;
$('find').addEventListener('input', () => { clearTimeout(soon); soon = setTimeout(filterPage, 80); });
document.addEventListener('keydown', (ev) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(ev.target.tagName);
  if (ev.key === '/' && !typing && !ev.ctrlKey && !ev.metaKey && !ev.altKey) {
    ev.preventDefault();
    $('find').focus();
  } else if (ev.key === 'Escape' && ev.target === $('find')) {
    $('find').value = '';
    filterPage();
  }
});

// A link to what is filtered away or folded opens it.
function reveal() {
  const e = location.hash.length > 1 && $(location.hash.slice(1));
  if (!e) return;
  if (e.hidden) { $('find').value = ''; filterPage(); }
  for (let d = e.closest('details'); d; d = d.parentElement.closest('details')) d.open = true;
  e.scrollIntoView();
}
addEventListener('hashchange', reveal);

// The section in view is marked in the navigation.
const places = [...document.querySelectorAll('.side a')].map((a) => ({ a, e: $(a.hash.slice(1)) })).filter((p) => p.e);
function markPlace() {
  const end = innerHeight + scrollY >= document.body.scrollHeight - 4;
  let here = places[0];
  for (const p of places) if (end || p.e.getBoundingClientRect().top < 140) here = p;
  for (const p of places) p === here ? p.a.setAttribute('aria-current', 'true') : p.a.removeAttribute('aria-current');
}
let marking = false;
addEventListener('scroll', () => {
  if (marking) return;
  marking = true;
  requestAnimationFrame(() => { marking = false; markPlace(); });
}, { passive: true });

// On paper everything is unfolded.
let folded = [];
addEventListener('beforeprint', () => {
  folded = [...document.querySelectorAll('details:not([open])')];
  for (const d of folded) d.open = true;
});
addEventListener('afterprint', () => { for (const d of folded) d.open = false; });
markPlace();
reveal();
