// The matrix on the screen: a grid that holds the cells in view and no others, so
// that 300 workloads scroll as 10 do. One cell can be reached by Tab, arrows move.
const CELL = 26, SPARE = 4, HEAD = -1;

function startGrid() {
  const grid = $('grid');
  const view = { rows: [], cols: [], at: [0, 0], chosen: -1, headWidth: 0, headHeight: 0, against: $('against') ? 'base' : 'force' };
  let state = statesOf(view.against);
  let sheet, heads, rowBand, colBand;
  const rows = new Map(), cells = new Map();

  const fits = (name, text, ns) => name.toLowerCase().includes(text) && (!ns || namespaceOf(name) === ns);
  function filter() {
    const side = (id) => names.map((_, i) => i).filter((i) => fits(names[i], $(id).value.trim().toLowerCase(), $(id + '-ns').value));
    let from = side('from'), to = side('to');
    if ($('only').checked) {
      const changed = (i, j) => state[i * size + j] > KEPT;
      const some = from.filter((i) => to.some((j) => changed(i, j)));
      to = to.filter((j) => from.some((i) => changed(i, j)));
      from = some;
    }
    view.rows = from;
    view.cols = to;
    grid.classList.toggle('only', $('only').checked);
    $('shown').textContent = from.length === size && to.length === size ? size + ' parties' : from.length + ' × ' + to.length + ' of ' + size;
    view.at = [0, 0];
    build();
  }

  // build lays out the sheet for the rows and columns that are left.
  function build() {
    rows.clear();
    cells.clear();
    const longest = (list) => Math.max(4, ...list.map((i) => shortName(i).length));
    view.headWidth = Math.min(Math.max(longest(view.rows) * 7.4 + 24, 90), Math.max(120, grid.parentElement.clientWidth * 0.42));
    view.headHeight = Math.min(Math.max(longest(view.cols) * 7.4 + 18, 60), 210);
    const width = view.headWidth + view.cols.length * CELL, height = view.headHeight + view.rows.length * CELL;
    sheet = make('div', { className: 'sheet', role: 'presentation' });
    sheet.style.width = width + 'px';
    sheet.style.height = height + 'px';
    heads = make('div', { className: 'heads', role: 'row', 'aria-rowindex': '1' });
    heads.style.height = view.headHeight + 'px';
    const corner = make('div', { className: 'corner', role: 'columnheader', 'aria-colindex': '1' }, make('span', {}, 'from ↓'), make('span', {}, 'to →'));
    corner.style.width = view.headWidth + 'px';
    heads.append(corner);
    rowBand = make('div', { className: 'band', role: 'presentation' });
    colBand = make('div', { className: 'band', role: 'presentation' });
    rowBand.style.cssText = `left:0;width:${width}px;height:${CELL}px`;
    colBand.style.cssText = `top:0;height:${height}px;width:${CELL}px`;
    sheet.append(heads, rowBand, colBand);
    grid.setAttribute('aria-rowcount', view.rows.length + 1);
    grid.setAttribute('aria-colcount', view.cols.length + 1);
    const empty = !view.rows.length || !view.cols.length;
    grid.replaceChildren(empty ? make('p', { className: 'none-left' }, 'Nothing is left by these filters.') : sheet);
    grid.scrollTo(0, 0);
    if (!empty) { draw(); band(); }
  }

  // span is the part of a list that is in view.
  const span = (offset, room, n) => [Math.max(0, Math.floor(offset / CELL) - SPARE), Math.min(n, Math.ceil((offset + room) / CELL) + SPARE)];

  // draw adds what came into view and drops what left it, but for the cell that
  // has the focus.
  function draw() {
    const [r0, r1] = span(grid.scrollTop, grid.clientHeight - view.headHeight, view.rows.length);
    const [c0, c1] = span(grid.scrollLeft, grid.clientWidth - view.headWidth, view.cols.length);
    const inView = (r, c) => (r === HEAD || r >= r0 && r < r1) && (c === HEAD || c >= c0 && c < c1);
    for (const [key, e] of cells) {
      const [r, c] = e.place;
      if (!inView(r, c) && !(r === view.at[0] && c === view.at[1])) { e.remove(); cells.delete(key); }
    }
    for (const [r, e] of rows) {
      if (!(r >= r0 && r < r1) && r !== view.at[0]) { e.remove(); rows.delete(r); for (const c of e.children) cells.delete(c.place.join()); }
    }
    for (let c = c0; c < c1; c++) need(HEAD, c);
    for (let r = r0; r < r1; r++) for (let c = HEAD; c < c1; c = c === HEAD ? c0 : c + 1) need(r, c);
    need(...view.at);
  }

  function rowOf(r) {
    if (r === HEAD) return heads;
    if (!rows.has(r)) {
      const row = make('div', { className: 'row', role: 'row', 'aria-rowindex': r + 2 });
      row.style.cssText = `top:${view.headHeight + r * CELL}px;width:100%;height:${CELL}px`;
      rows.set(r, row);
      sheet.append(row);
      need(r, HEAD);
    }
    return rows.get(r);
  }

  // need returns the element of a place, made if there is none.
  function need(r, c) {
    const key = r + ',' + c;
    const known = cells.get(key);
    if (known) return known;
    const row = rowOf(r);
    if (cells.has(key)) return cells.get(key);
    const e = make('div', { tabIndex: r === view.at[0] && c === view.at[1] ? 0 : -1, 'aria-colindex': c + 2 });
    e.place = [r, c];
    if (c === HEAD || r === HEAD) {
      const party = r === HEAD ? view.cols[c] : view.rows[r];
      e.className = r === HEAD ? 'colhead' : 'rowhead';
      e.setAttribute('role', r === HEAD ? 'columnheader' : 'rowheader');
      e.textContent = shortName(party);
      e.title = names[party] + ', ' + data.parties[party][1];
      if (r === HEAD) e.style.cssText = `left:${view.headWidth + c * CELL}px;width:${CELL}px;height:${view.headHeight}px`;
      else e.style.cssText = `width:${view.headWidth}px;height:${CELL}px`;
    } else {
      const from = view.rows[r], to = view.cols[c], pair = from * size + to;
      const kind = state[pair];
      e.className = 'cell ' + kinds[kind] + (from === to ? ' self' : '');
      e.setAttribute('role', 'gridcell');
      e.setAttribute('aria-label', names[from] + ' to ' + names[to] + ': ' + kindWords[kind] + (after[pair] ? ', ' + words[after[pair]] : ''));
      if (pair === view.chosen) e.setAttribute('aria-selected', 'true');
      e.style.left = view.headWidth + c * CELL + 'px';
      e.textContent = marks[kind];
    }
    cells.set(key, e);
    if (c === HEAD) row.prepend(e); else row.append(e);
    return e;
  }

  // band lights the row and the column of a place.
  function band(r = HEAD, c = HEAD) {
    for (const e of sheet.querySelectorAll('.on')) e.classList.remove('on');
    rowBand.hidden = r === HEAD;
    colBand.hidden = c === HEAD;
    rowBand.style.top = view.headHeight + r * CELL + 'px';
    colBand.style.left = view.headWidth + c * CELL + 'px';
    if (r !== HEAD) cells.get(r + ',' + HEAD)?.classList.add('on');
    if (c !== HEAD) cells.get(HEAD + ',' + c)?.classList.add('on');
  }

  // move brings a place into view and gives it the focus.
  function move(r, c) {
    r = Math.max(HEAD, Math.min(view.rows.length - 1, r));
    c = Math.max(HEAD, Math.min(view.cols.length - 1, c));
    if (r === HEAD && c === HEAD) return;
    const old = cells.get(view.at.join());
    if (old) old.tabIndex = -1;
    view.at = [r, c];
    const show = (at, offset, room) => at < 0 ? offset : Math.min(at * CELL, Math.max(offset, (at + 1) * CELL - room));
    grid.scrollTop = show(r, grid.scrollTop, grid.clientHeight - view.headHeight);
    grid.scrollLeft = show(c, grid.scrollLeft, grid.clientWidth - view.headWidth);
    draw();
    const e = need(r, c);
    e.tabIndex = 0;
    e.focus({ preventScroll: true });
    band(r, c);
  }

  function choose(r, c) {
    if (r === HEAD || c === HEAD) {
      showNeighbours(r === HEAD ? view.cols[c] : view.rows[r], view.against, true);
      return;
    }
    for (const e of grid.querySelectorAll('[aria-selected]')) e.removeAttribute('aria-selected');
    view.chosen = view.rows[r] * size + view.cols[c];
    need(r, c).setAttribute('aria-selected', 'true');
    showDetail(view.rows[r], view.cols[c], view.against, state[view.chosen]);
  }

  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-15, 0], PageDown: [15, 0] };
  grid.addEventListener('keydown', (ev) => {
    const [r, c] = view.at;
    const step = steps[ev.key];
    if (step) move(step[0] < -1 ? Math.max(0, r + step[0]) : r + step[0], c + step[1]);
    else if (ev.key === 'Home') move(ev.ctrlKey ? 0 : r, 0);
    else if (ev.key === 'End') move(ev.ctrlKey ? view.rows.length - 1 : r, view.cols.length - 1);
    else if (ev.key === 'Enter' || ev.key === ' ') choose(r, c);
    else return;
    ev.preventDefault();
  });
  grid.addEventListener('click', (ev) => {
    const e = ev.target.closest('.cell, .rowhead, .colhead');
    if (!e) return;
    move(...e.place);
    choose(...e.place);
  });
  grid.addEventListener('focusin', (ev) => { if (ev.target.place) band(...ev.target.place); });
  grid.addEventListener('pointerover', (ev) => { const e = ev.target.closest('.cell'); if (e) band(...e.place); });
  grid.addEventListener('pointerleave', () => { if (sheet.isConnected) band(); });
  let drawing = false;
  const later = () => {
    if (drawing || !sheet.isConnected) return;
    drawing = true;
    requestAnimationFrame(() => { drawing = false; draw(); });
  };
  grid.addEventListener('scroll', later, { passive: true });
  new ResizeObserver(later).observe(grid);

  const spaces = [...new Set(names.map(namespaceOf).filter(Boolean))];
  for (const id of ['from-ns', 'to-ns']) $(id).append(...spaces.map((ns) => make('option', { value: ns }, ns)));
  $('filters').addEventListener('input', () => {
    view.against = $('against') ? $('against').value : 'force';
    state = statesOf(view.against);
    filter();
  });
  $('filters').addEventListener('submit', (ev) => ev.preventDefault());
  $('filters').addEventListener('reset', () => setTimeout(() => { state = statesOf(view.against = $('against') ? 'base' : 'force'); filter(); }));
  filter();
}

// showDetail says what is known of one pair.
function showDetail(from, to, against, kind) {
  const pair = from * size + to;
  const list = make('dl', {});
  const say = (name, value) => list.append(make('dt', {}, name), make('dd', { className: 'ports' }, value || 'none'));
  if (against === 'force') say('before', words[before[pair]]);
  say('now', words[after[pair]]);
  if (against === 'force') {
    if (gained[pair]) say('gained', words[gained[pair]]);
    if (lost[pair]) say('lost', words[lost[pair]]);
  }
  const why = [];
  for (const c of against === 'base' ? causes.get(pair) || [] : []) {
    say(['gained', 'lost', 'arrived', 'departed'][c.which], c.ports);
    const box = make('div', { className: 'why' }, c.change.w);
    for (const l of [...c.change.i, ...c.change.p]) box.append(make('br'), l.h ? make('a', { href: l.h }, l.t) : make('span', {}, l.t));
    why.push(box);
  }
  say('asked', data.parties[to][1]);
  const near = (i) => {
    const b = make('button', { type: 'button' }, 'Neighbours of ' + shortName(i));
    b.addEventListener('click', () => showNeighbours(i, against, true));
    return b;
  };
  $('detail').replaceChildren(
    make('p', {}, make('span', { className: 'mark ' + kinds[kind] }, marks[kind] || ' '), ' ' + kindWords[kind]),
    make('h3', {}, names[from], make('span', {}, 'to ' + names[to])), list, ...why, near(from), ...(from === to ? [] : [near(to)]));
}
