import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** One build, one page per app: dist/index.html, dist/ops/index.html, dist/customer/…, dist/provider/…, dist/share/… */
export default defineConfig({
  plugins: [svelte()],
  resolve: { alias: { $lib: at("./src/lib") } },
  build: {
    target: "es2022",
    chunkSizeWarningLimit: 2200, // kB; MapLibre and deck.gl, and only the ops page loads them
    rollupOptions: {
      input: {
        landing: at("./index.html"),
        ops: at("./ops/index.html"),
        customer: at("./customer/index.html"),
        provider: at("./provider/index.html"),
        share: at("./share/index.html"),
      },
    },
  },
  server: {
    proxy: {
      "/v1": { target: "http://localhost:8000", ws: true },
      "/basemap": { target: "http://localhost:8000" },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
