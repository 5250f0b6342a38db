// The graph of one workload: who reaches it on the left, whom it reaches on the
// right. The graph of all is the page's own.
const SVG = 'http://www.w3.org/2000/svg';
function draw(tag, attributes, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}
const NEAR = 60; // neighbours of a side that are drawn

// sideOf are the neighbours of a party on one side, what changed first.
function sideOf(party, state, sends) {
  const out = [];
  for (let i = 0; i < size; i++) {
    const pair = sends ? party * size + i : i * size + party;
    if (i !== party && state[pair] !== NONE) out.push({ i, kind: state[pair], ports: words[after[pair]] || words[before[pair]] });
  }
  return out.sort((a, b) => (a.kind === KEPT) - (b.kind === KEPT) || a.i - b.i);
}

function showNeighbours(party, against, scroll) {
  const state = statesOf(against);
  const left = sideOf(party, state, false), right = sideOf(party, state, true);
  const rowHeight = 40, boxHeight = 30;
  const shownLeft = left.slice(0, NEAR), shownRight = right.slice(0, NEAR);
  const widthOf = (list) => Math.max(90, ...list.map((n) => shortName(n.i).length * 7.3 + 26));
  const wide = [widthOf(shownLeft), shortName(party).length * 7.3 + 30, widthOf(shownRight)];
  const gap = 210, height = Math.max(shownLeft.length, shownRight.length, 1) * rowHeight + 50;
  const x = [10, 10 + wide[0] + gap, 10 + wide[0] + gap + wide[1] + gap];
  const width = x[2] + wide[2] + 10;
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'group', 'aria-label': 'Neighbours of ' + names[party] });
  const defs = draw('defs', {});
  for (const kind of kinds.slice(1)) {
    defs.append(draw('marker', { id: 'near-' + kind, class: 'head ' + kind, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: 'userSpaceOnUse', orient: 'auto' }, draw('path', { d: 'M0 0L8 4L0 8z' })));
  }
  svg.append(defs);
  const title = (text) => draw('title', {}, text);
  const middle = (height - 40) / 2 + 36;
  const box = (i, bx, by, bw, chosen) => {
    const g = draw('g', { class: 'node' + (chosen ? ' chosen' : names[i] === 'outside' ? ' outside' : ''), 'data-party': i + 1, tabindex: 0, role: 'button', 'aria-label': 'Neighbours of ' + names[i] },
      title(names[i]), draw('rect', { x: bx, y: by - boxHeight / 2, width: bw, height: boxHeight, rx: 7 }), draw('text', { x: bx + 12, y: by + 5 }, shortName(i)));
    svg.append(g);
  };
  const head = (text, hx) => svg.append(draw('text', { x: hx, y: 18, class: 'heading', fill: 'currentColor', 'font-size': 12.5 }, text));
  head(left.length + ' reach it' + (left.length > NEAR ? ', ' + NEAR + ' shown' : ''), x[0]);
  head('it reaches ' + right.length + (right.length > NEAR ? ', ' + NEAR + ' shown' : ''), x[2]);
  const fan = (list, from) => list.forEach((n, k) => {
    const y = middle + (k - (list.length - 1) / 2) * rowHeight;
    const [ax, ay, bx, by] = from ? [x[0] + wide[0], y, x[1], middle] : [x[1] + wide[1], middle, x[2], y];
    const words = (from ? names[n.i] + ' → ' + names[party] : names[party] + ' → ' + names[n.i]) + ': ' + kindWords[n.kind] + ', ' + n.ports;
    svg.append(draw('path', { class: 'edge ' + kinds[n.kind], d: `M${ax} ${ay}C${ax + gap / 2} ${ay} ${bx - gap / 2} ${by} ${bx} ${by}`, 'marker-end': `url(#near-${kinds[n.kind]})` }, title(words)));
    svg.append(draw('text', { x: from ? ax + 8 : bx - 12, y: y - 5, 'text-anchor': from ? 'start' : 'end', 'font-size': 10.5, fill: 'currentColor', opacity: 0.75 }, n.ports.length > 24 ? n.ports.slice(0, 23) + '…' : n.ports));
    box(n.i, from ? x[0] : x[2], y, from ? wide[0] : wide[2]);
  });
  fan(shownLeft, true);
  fan(shownRight, false);
  box(party, x[1], middle, wide[1], true);
  $('near').replaceChildren(svg);
  $('near').hidden = false;
  if ($('all')) { $('all').hidden = true; $('whole').hidden = false; }
  $('who').value = names[party];
  graphAgainst = against;
  if (scroll) $('graph').scrollIntoView();
  $('near').scrollTop = Math.max(0, middle - $('near').clientHeight / 2);
}

let graphAgainst = 'force';
function startGraph() {
  graphAgainst = data.changes ? 'base' : 'force';
  const go = (ev) => {
    const node = ev.target.closest('[data-party]');
    if (!node || ev.type === 'keydown' && ev.key !== 'Enter' && ev.key !== ' ') return;
    ev.preventDefault();
    showNeighbours(node.getAttribute('data-party') - 1, graphAgainst);
    $('near').querySelector('.chosen').focus({ preventScroll: true });
  };
  for (const id of ['near', 'all']) for (const type of ['click', 'keydown']) $(id)?.addEventListener(type, go);
  for (const g of document.querySelectorAll('#all [data-party]')) {
    g.setAttribute('tabindex', '0');
    g.setAttribute('role', 'button');
  }
  $('parties').append(...names.map((n) => make('option', { value: n })));
  $('who').addEventListener('input', () => {
    const i = names.indexOf($('who').value.trim());
    if (i >= 0) showNeighbours(i, graphAgainst);
  });
  $('choose').addEventListener('submit', (ev) => {
    ev.preventDefault();
    const text = $('who').value.trim().toLowerCase();
    const i = names.findIndex((n) => text && n.toLowerCase().includes(text));
    if (i >= 0) showNeighbours(i, graphAgainst);
  });
  $('whole')?.addEventListener('click', () => {
    $('near').hidden = true;
    $('all').hidden = false;
    $('whole').hidden = true;
    $('who').value = '';
  });
  if (!$('all')) showNeighbours(busiest(graphAgainst), graphAgainst);
}

// busiest is the party with the most changes, or the most flows.
function busiest(against) {
  const state = statesOf(against);
  let best = 0, most = -1;
  for (let i = 0; i < size; i++) {
    let n = 0;
    for (let j = 0; j < size; j++) for (const k of [state[i * size + j], state[j * size + i]]) n += k > KEPT ? 1000 : k;
    if (n > most) [best, most] = [i, n];
  }
  return best;
}

if (data && size) {
  startGrid();
  startGraph();
}
