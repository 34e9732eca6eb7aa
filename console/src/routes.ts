/** The console's views, one line each: address, element, where it stands, its title, its module. */
import type { Route } from "./shell/router";

export const routes: readonly Route[] = [
  {
    path: "/",
    tag: "view-situation",
    placement: "map",
    title: "nav.situation",
    load: () => import("./views/situation"),
    nav: { key: "s", action: "read" },
  },
  {
    path: "/hazards/:id",
    tag: "view-hazard",
    placement: "drawer",
    title: "nav.hazard",
    load: () => import("./hazard/view"),
  },
  {
    path: "/incidents/:id",
    tag: "view-incident",
    placement: "drawer",
    title: "nav.incident",
    load: () => import("./views/incident"),
  },
];
