// Points of a plane by WebGL2, or on a 2-D canvas where there is none: pan, zoom, colours, picking, lasso.

const VERTEX = `#version 300 es
in vec2 place; in vec4 colour; uniform vec4 view; uniform float size; out vec4 tint;
void main() { gl_Position = vec4((place - view.xy) * view.zw, 0.0, 1.0); gl_PointSize = size; tint = colour; }`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 tint; out vec4 shown;
void main() { vec2 d = gl_PointCoord - 0.5; float r = dot(d, d); if (r > 0.25) discard; float a = tint.a * smoothstep(0.25, 0.16, r); shown = vec4(tint.rgb * a, a); }`;

export class Plane {
  /** points: Float32Array of x, y; NaN where there is none. */
  constructor(canvas, points) {
    this.canvas = canvas;
    this.points = points;
    this.n = points.length / 2;
    this.colours = new Uint8Array(4 * this.n);
    this.gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (this.gl) this.#prepare();
    else this.flat = canvas.getContext("2d");
    this.#fit();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  #prepare() {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    const buffer = (name, size, type, normal) => {
      const made = gl.createBuffer(), at = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, type, normal, 0, 0);
      return made;
    };
    this.placeBuffer = buffer("place", 2, gl.FLOAT, false);
    gl.bufferData(gl.ARRAY_BUFFER, this.points.map((v) => (Number.isNaN(v) ? 1e9 : v)), gl.STATIC_DRAW);
    this.colourBuffer = buffer("colour", 4, gl.UNSIGNED_BYTE, true);
    this.view = gl.getUniformLocation(program, "view");
    this.size = gl.getUniformLocation(program, "size");
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  #fit() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < this.points.length; i += 2) {
      const [x, y] = [this.points[i], this.points[i + 1]];
      if (Number.isNaN(x)) continue;
      left = Math.min(left, x); right = Math.max(right, x); low = Math.min(low, y); high = Math.max(high, y);
    }
    this.centre = left <= right ? [(left + right) / 2, (low + high) / 2] : [0, 0];
    this.span = Math.max(right - left, high - low, 1e-6) * 1.08;
  }

  /** colours: Uint8Array of r, g, b, a for each point. */
  paint(colours) {
    this.colours = colours;
    if (this.gl) {
      this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colourBuffer);
      this.gl.bufferData(this.gl.ARRAY_BUFFER, colours, this.gl.DYNAMIC_DRAW);
    }
    this.draw();
  }

  #scale() {
    const { width, height } = this.canvas.getBoundingClientRect();
    return { width, height, unit: Math.min(width, height) / this.span }; // CSS pixels for a unit
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const { width, height, unit } = this.#scale(), ratio = devicePixelRatio || 1;
      const size = Math.min(14, Math.max(2.5, (0.35 * Math.sqrt((width * height) / Math.max(1, this.n))) * Math.sqrt(unit * this.span / Math.min(width, height))));
      if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
      if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
      if (this.gl) {
        const gl = this.gl;
        gl.viewport(0, 0, this.canvas.width, this.canvas.height);
        gl.clearColor(0, 0, 0, 0);
        gl.clear(gl.COLOR_BUFFER_BIT);
        gl.uniform4f(this.view, ...this.centre, (2 * unit) / width, (2 * unit) / height);
        gl.uniform1f(this.size, size * ratio);
        gl.drawArrays(gl.POINTS, 0, this.n);
      } else this.#drawFlat(size * ratio, ratio);
    });
  }

  #drawFlat(size, ratio) {
    this.flat.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (let i = 0; i < this.n; i++) {
      const [x, y] = this.toScreen(i), c = this.colours.subarray(4 * i, 4 * i + 4);
      this.flat.fillStyle = `rgba(${c[0]},${c[1]},${c[2]},${c[3] / 255})`;
      this.flat.fillRect(x * ratio - size / 2, y * ratio - size / 2, size, size);
    }
  }

  toScreen(i) {
    const { width, height, unit } = this.#scale();
    return [width / 2 + (this.points[2 * i] - this.centre[0]) * unit, height / 2 - (this.points[2 * i + 1] - this.centre[1]) * unit];
  }

  toPlane(x, y) {
    const { width, height, unit } = this.#scale();
    return [this.centre[0] + (x - width / 2) / unit, this.centre[1] - (y - height / 2) / unit];
  }

  move(dx, dy) {
    const { unit } = this.#scale();
    this.centre = [this.centre[0] - dx / unit, this.centre[1] + dy / unit];
    this.draw();
  }

  zoom(factor, x, y) {
    const before = this.toPlane(x, y);
    this.span = Math.min(1e6, Math.max(1e-6, this.span * factor));
    const after = this.toPlane(x, y);
    this.centre = [this.centre[0] + before[0] - after[0], this.centre[1] + before[1] - after[1]];
    this.draw();
  }

  /** The point nearest to a place on the screen, within some pixels, or -1. */
  at(x, y, within = 10) {
    const [px, py] = this.toPlane(x, y), { unit } = this.#scale();
    let best = -1, least = (within / unit) ** 2;
    for (let i = 0; i < this.n; i++) {
      const d = (this.points[2 * i] - px) ** 2 + (this.points[2 * i + 1] - py) ** 2;
      if (d < least) [best, least] = [i, d];
    }
    return best;
  }

  /** The points inside a polygon of plane coordinates (even-odd rule). */
  inside(polygon) {
    const found = [];
    for (let i = 0; i < this.n; i++) {
      const [x, y] = [this.points[2 * i], this.points[2 * i + 1]];
      let odd = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        const [ax, ay] = polygon[a], [bx, by] = polygon[b];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
      }
      if (odd) found.push(i);
    }
    return found;
  }
}
