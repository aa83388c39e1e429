// Products of a matrix and a vector: in WebAssembly, four numbers at a time;
// where the browser has none, in JavaScript.

// The function in this module of WebAssembly, with $end, $p, $a and $b local:
//
//   (func (param $w $x $bias $out $rows $size i32)
//     (loop $row
//       (local.set $a (v128.const 0)) (local.set $b (v128.const 0))
//       (local.set $end (i32.add (local.tee $p (local.get $x)) $size))
//       (loop $column
//         $a = $a + [$w] * [$p], $b = $b + [$w + 16] * [$p + 16]
//         $w = $w + 32, $p = $p + 32
//         (br_if $column (i32.lt_u $p $end)))
//       [$out] = [$bias] + the four numbers of $a + $b
//       $out = $out + 4, $bias = $bias + 4
//       (br_if $row (local.tee $rows (i32.sub $rows 1)))))
const CODE = "AGFzbQEAAAABCgFgBn9/f39/fwACCAEBbQFtAgABAwIBAAcFAQFmAAAKwwE" +
  "BwAECAn8CewNA/QwAAAAAAAAAAAAAAAAAAAAAIQj9DAAAAAAAAAAAAAAAAAAAAAAhCSAB" +
  "IgcgBWohBgNAIAggAP0AAAAgB/0AAAD95gH95AEhCCAJIAD9AAAQIAf9AAAQ/eYB/eQBIQ" +
  "kgAEEgaiEAIAdBIGohByAHIAZJDQALIAggCf3kASEIIAMgAioCACAI/R8AkiAI/R8BkiAI" +
  "/R8CkiAI/R8DkjgCACADQQRqIQMgAkEEaiECIARBAWsiBA0ACws=";

class Matrix {
  // the rows of a weight, of `size` numbers each
  constructor(weight, size) {
    Object.assign(this, { weight, size, rows: weight.length / size });
    // rows in memory end with zeros, so that eight numbers always fit
    const padded = Math.ceil(size / 8) * 8, { rows } = this;
    const begins = [rows * padded, (rows + 1) * padded,
                    (rows + 1) * padded + rows];
    try {
      Matrix.module ??= new WebAssembly.Module(fromBase64(CODE));
      const memory = new WebAssembly.Memory({
        initial: Math.ceil((begins[2] + rows) / 16384) });
      const { f } = new WebAssembly.Instance(
        Matrix.module, { m: { m: memory } }).exports;
      const numbers = new Float32Array(memory.buffer);
      for (let row = 0; row < rows; row++) {
        numbers.set(weight.subarray(row * size, (row + 1) * size),
                    row * padded);
      }
      [this.x, this.bias, this.out] = [size, rows, rows].map((length, i) =>
        numbers.subarray(begins[i], begins[i] + length));
      const places = begins.map((begin) => 4 * begin);
      this.run = () => f(0, ...places, rows, 4 * padded);
    } catch (error) {
      if (typeof WebAssembly === "object" && !(
        error instanceof WebAssembly.CompileError ||
        error instanceof RangeError)) throw error;
    }
  }

  // Return the product with x, plus bias.
  times(x, bias) {
    if (!this.run) return this.timesPlainly(x, bias);
    this.x.set(x);
    this.bias.set(bias);
    this.run();
    return this.out.slice();
  }

  // The same without WebAssembly: four rows and two columns at a time.
  timesPlainly(x, bias) {
    const { weight, size, rows } = this, out = Float32Array.from(bias);
    const even = size - size % 2;
    let row = 0;
    for (; row + 3 < rows; row += 4) {
      const a = row * size, b = a + size, c = b + size, d = c + size;
      let p = 0, q = 0, r = 0, s = 0;
      for (let j = 0; j < even; j += 2) {
        const value = x[j], next = x[j + 1];
        p += weight[a + j] * value + weight[a + j + 1] * next;
        q += weight[b + j] * value + weight[b + j + 1] * next;
        r += weight[c + j] * value + weight[c + j + 1] * next;
        s += weight[d + j] * value + weight[d + j + 1] * next;
      }
      [p, q, r, s].forEach((sum, i) => { out[row + i] += sum; });
    }
    for (let done = row, i = 0; i < rows; i++) {
      for (let j = i < done ? even : 0; j < size; j++) {
        out[i] += weight[i * size + j] * x[j];
      }
    }
    return out;
  }

  // Add the transposed matrix times d to out.
  addTransposed(d, out) {
    const { weight, size } = this;
    d.forEach((value, row) => {
      if (!value) return;
      for (let j = 0; j < size; j++) out[j] += value * weight[row * size + j];
    });
    return out;
  }
}
