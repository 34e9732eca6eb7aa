/** How the console is built: into the Python package, under /console/, with nothing that a strict CSP would refuse. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { mockService } from "./mock/plugin.ts";

export default defineConfig(({ mode }) => ({
  base: "/console/",
  plugins: mode === "mock" ? [mockService()] : [packed()],
  build: {
    outDir: process.env["ALMENARA_CONSOLE_OUT"] ?? "../src/almenara/web/console",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    license: { fileName: "licenses.md" }, // of all that travels in the assets
  },
  // Against a running service: ALMENARA_SERVICE=http://127.0.0.1:8000 npx vite
  server: process.env["ALMENARA_SERVICE"] ? { proxy: { "/api": process.env["ALMENARA_SERVICE"] } } : {},
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"], setupFiles: ["test/setup.ts"] },
}));

/** Puts a packed twin beside every text that is worth it: the service sends that to whoever can unpack it. */
function packed(): Plugin {
  let folder = "";
  return {
    name: "packed",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!/\.(css|html|js|mjs|svg)$/.test(name)) continue;
        const path = join(folder, name);
        const content = readFileSync(path);
        if (content.length < 1_000) continue;
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
        writeFileSync(
          `${path}.br`,
          brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
        );
      }
    },
  };
}
