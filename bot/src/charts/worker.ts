/** Draws one SVG after the other as PNG, away from the thread that talks to people: a picture takes some 20 ms. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parentPort } from 'node:worker_threads'
import { initWasm, Resvg } from '@resvg/resvg-wasm'

export interface Order {
  readonly id: number
  readonly svg: string
}

export type Drawn =
  | { readonly id: number; readonly png: Uint8Array }
  | { readonly id: number; readonly problem: string }

const file = (url: string) => readFile(fileURLToPath(url))

const [wasm, font] = await Promise.all([
  file(import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm')),
  // Many machines have no fonts at all, and without one the text is just not there.
  file(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf')),
])
await initWasm(wasm)

function draw(svg: string): Uint8Array {
  const resvg = new Resvg(svg, {
    font: { fontBuffers: [font], defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  })
  try {
    const image = resvg.render()
    try {
      return image.asPng()
    } finally {
      // Memory of WebAssembly is not collected.
      image.free()
    }
  } finally {
    resvg.free()
  }
}

parentPort?.on('message', ({ id, svg }: Order) => {
  try {
    const png = draw(svg)
    parentPort?.postMessage({ id, png } satisfies Drawn, [png.buffer as ArrayBuffer])
  } catch (error) {
    parentPort?.postMessage({ id, problem: String(error) } satisfies Drawn)
  }
})
