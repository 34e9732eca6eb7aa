// Shows a warning that came by Web Push, and opens it when it is touched.
"use strict";
self.addEventListener("push", (event) => {
  const told = event.data ? event.data.json() : {};
  const link = told.identifier ? `/warnings/${encodeURIComponent(told.identifier)}` : "/";
  event.waitUntil(
    self.registration.showNotification(told.title || "Almenara", {
      body: told.body || "",
      tag: told.thread || told.identifier,
      renotify: Boolean(told.thread || told.identifier),
      requireInteraction: told.severity === "Extreme" || told.severity === "Severe",
      data: { link: told.link || link },
    }),
  );
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.link));
});
