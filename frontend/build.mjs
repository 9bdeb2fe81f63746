// Builds the web app's static files from src/ and css/. Needs node and node_modules, nothing else.
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build, context } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const dist = process.env.IGNY8_DIST ?? join(here, '../backend/igny8_core/web/static/dist')
const watching = process.argv.includes('--watch')
const out = watching ? dist : `${dist}.new` // swapped in whole: no half-built folder is ever served

const tailwind = [
  join(here, 'node_modules/@tailwindcss/cli/dist/index.mjs'),
  ...['-i', 'css/app.css', '-o', '.tmp/tailwind.css'],
]
const common = {
  bundle: true,
  minify: !watching,
  legalComments: 'linked',
  target: ['chrome120', 'firefox121', 'safari17.5'],
  logLevel: 'warning',
  outdir: out,
  // Every name carries a hash, so that browsers may keep files for good; manifest.json says which
  // name is current.
  entryNames: '[name]-[hash]',
  metafile: true,
}
// esbuild reads Tailwind's output, so that font files are hashed and copied too.
const styles = {
  ...common,
  entryPoints: { app: join(here, 'css/entry.css') },
  loader: { '.woff2': 'file' },
  assetNames: 'fonts/[name]-[hash]',
}
const scripts = {
  ...common,
  entryPoints: { app: join(here, 'src/app.ts') },
  format: 'esm',
  splitting: true,
  chunkNames: 'chunks/[name]-[hash]',
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
mkdirSync(join(here, '.tmp'), { recursive: true })
run(tailwind)

if (watching) {
  spawn(process.execPath, [...tailwind, '--watch=always'], { cwd: here, stdio: 'ignore' })
  const manifest = { name: 'manifest', setup: (b) => b.onEnd((done) => note([done])) }
  const options = [styles, scripts].map((one) => ({ ...one, plugins: [manifest] }))
  await Promise.all(options.map(async (one) => (await context(one)).watch()))
} else {
  note(await Promise.all([build(styles), build(scripts)]))
  for (const path of files(out)) {
    const bytes = readFileSync(path)
    const sizes = [bytes.length]
    if (/\.(css|js|txt)$/.test(path)) {
      const small = [brotliCompressSync(bytes), gzipSync(bytes, { level: 9 })]
      writeFileSync(`${path}.br`, small[0])
      writeFileSync(`${path}.gz`, small[1])
      sizes.push(small[0].length)
    }
    console.log(...sizes.map((size) => String(size).padStart(8)), relative(out, path))
  }
  rmSync(dist, { recursive: true, force: true })
  renameSync(out, dist)
}

/** Adds the names of what was built to manifest.json: `app.css` is `app-1A2B3C4D.css` now. */
function note(results) {
  const path = join(out, 'manifest.json')
  const names = exists(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  for (const { metafile } of results)
    for (const made of Object.keys(metafile?.outputs ?? {})) {
      const name = relative(out, join(process.cwd(), made))
      names[plain(name)] = name
    }
  writeFileSync(path, JSON.stringify(names, null, 1))
}

function plain(name) {
  return join(dirname(name), basename(name).replace(/-[A-Z0-9]{8}(?=\.)/, ''))
}

function exists(path) {
  return readdirSync(dirname(path)).includes(basename(path))
}

function run(args) {
  const done = spawnSync(process.execPath, args, { cwd: here, encoding: 'utf8' })
  if (done.status === 0) return
  console.error(done.stdout, done.stderr)
  process.exit(1)
}

function files(folder) {
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .flatMap((path) => (statSync(path).isDirectory() ? files(path) : [path]))
}
