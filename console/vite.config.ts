/** How the console is built: into the Python package, under /console/, with nothing that a strict CSP would refuse. */
import { defineConfig } from "vitest/config";
import { mockService } from "./mock/plugin.ts";

export default defineConfig(({ mode }) => ({
  base: "/console/",
  plugins: mode === "mock" ? [mockService()] : [],
  build: {
    outDir: process.env["ALMENARA_CONSOLE_OUT"] ?? "../src/almenara/web/console",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
  },
  // Against a running service: ALMENARA_SERVICE=http://127.0.0.1:8000 npx vite
  server: process.env["ALMENARA_SERVICE"] ? { proxy: { "/api": process.env["ALMENARA_SERVICE"] } } : {},
  test: { environment: "happy-dom", include: ["test/**/*.test.ts"], setupFiles: ["test/setup.ts"] },
}));
