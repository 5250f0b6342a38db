// The graph of one workload: who reaches it on the left, whom it reaches on the
// right. The graph of all is the page's own.
const SVG = 'http://www.w3.org/2000/svg';
function draw(tag, attributes, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}
const FEW = 16, NEAR = 48; // neighbours of a side before they are grouped, boxes of a side

// sideOf are the boxes of one side of a party, what changed first. Many neighbours
// are one box for each namespace and kind.
function sideOf(party, state, sends) {
  const all = [];
  for (let i = 0; i < size; i++) {
    const pair = sends ? party * size + i : i * size + party;
    if (i !== party && state[pair] !== NONE) all.push({ i, kind: state[pair], ports: words[after[pair]] || words[before[pair]], members: [i] });
  }
  let boxes = all;
  if (all.length > FEW) {
    const groups = new Map();
    for (const n of all) {
      const key = namespaceOf(names[n.i]) + '\n' + n.kind;
      const g = groups.get(key);
      if (!g) groups.set(key, { ...n, members: [n.i] });
      else { g.members.push(n.i); if (g.ports !== n.ports) g.ports = 'several ports'; }
    }
    boxes = [...groups.values()];
  }
  for (const b of boxes) {
    const ns = namespaceOf(names[b.i]);
    b.label = b.members.length === 1 ? shortName(b.i) : (ns || 'others') + ': ' + b.members.length + ' workloads';
    b.title = b.members.length === 1 ? names[b.i] : b.members.map((i) => names[i]).join(', ');
  }
  boxes.sort((a, b) => (a.kind === KEPT) - (b.kind === KEPT) || a.i - b.i);
  return { count: all.length, boxes: boxes.slice(0, NEAR), left: boxes.length - NEAR };
}

function showNeighbours(party, against, scroll) {
  const state = statesOf(against);
  const left = sideOf(party, state, false), right = sideOf(party, state, true);
  const rowHeight = 40, boxHeight = 30;
  const widthOf = (side) => Math.max(90, ...side.boxes.map((n) => n.label.length * 7.3 + 26));
  const wide = [widthOf(left), shortName(party).length * 7.3 + 30, widthOf(right)];
  const gap = 210, height = Math.max(left.boxes.length, right.boxes.length, 1) * rowHeight + 50;
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
  const box = (n, bx, by, bw, chosen) => {
    const one = n.members.length === 1;
    const g = draw('g', { class: 'node' + (chosen ? ' chosen' : !one ? ' group' : n.title === 'outside' ? ' outside' : '') },
      title(n.title), draw('rect', { x: bx, y: by - boxHeight / 2, width: bw, height: boxHeight, rx: 7 }), draw('text', { x: bx + 12, y: by + 4 }, n.label));
    if (one) {
      g.setAttribute('data-party', n.i + 1);
      g.setAttribute('tabindex', 0);
      g.setAttribute('role', 'button');
      g.setAttribute('aria-label', 'Neighbours of ' + n.title);
    }
    svg.append(g);
  };
  const head = (text, hx) => svg.append(draw('text', { x: hx, y: 18, class: 'heading', fill: 'currentColor', 'font-size': 12.5 }, text));
  const more = (side) => side.left > 0 ? ', ' + side.left + ' boxes left out' : '';
  head(left.count + ' reach it, or did' + more(left), x[0]);
  head('it reaches, or did, ' + right.count + more(right), x[2]);
  const fan = (side, from) => side.boxes.forEach((n, k) => {
    const y = middle + (k - (side.boxes.length - 1) / 2) * rowHeight;
    const [ax, ay, bx, by] = from ? [x[0] + wide[0], y, x[1], middle] : [x[1] + wide[1], middle, x[2], y];
    const say = (from ? n.title + ' → ' + names[party] : names[party] + ' → ' + n.title) + ': ' + kindWords[n.kind] + ', ' + n.ports;
    svg.append(draw('path', { class: 'edge ' + kinds[n.kind], d: `M${ax} ${ay}C${ax + gap / 2} ${ay} ${bx - gap / 2} ${by} ${bx} ${by}`, 'marker-end': `url(#near-${kinds[n.kind]})` }, title(say)));
    svg.append(draw('text', { x: from ? ax + 8 : bx - 12, y: y - 5, 'text-anchor': from ? 'start' : 'end', 'font-size': 10.5, fill: 'currentColor', opacity: 0.75 }, n.ports.length > 24 ? n.ports.slice(0, 23) + '…' : n.ports));
    box(n, from ? x[0] : x[2], y, from ? wide[0] : wide[2]);
  });
  fan(left, true);
  fan(right, false);
  box({ i: party, members: [party], label: shortName(party), title: names[party] }, x[1], middle, wide[1], true);
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
