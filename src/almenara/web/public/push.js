// Lets a browser subscribe to the warnings by Web Push, and unsubscribe. Without it the page says all the same.
"use strict";
(async () => {
  const button = document.getElementById("push");
  if (!button || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const address = "/api/v1/push/subscriptions";
  const answer = await fetch("/api/v1/push/key");
  if (!answer.ok) return;
  const key = (await answer.json()).public_key;
  if (!key) return;
  const worker = await navigator.serviceWorker.register("/push-worker.js");
  const bytes = Uint8Array.from(atob(key.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const send = (method, subscription) =>
    fetch(address, {
      method,
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(subscription.toJSON()),
    });
  const show = async () => {
    const subscription = await worker.pushManager.getSubscription();
    button.textContent = subscription ? button.dataset.pushOn : button.dataset.push;
    button.hidden = false;
  };
  const subscribe = async () => {
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes });
    const answered = await send("POST", subscription);
    if (!answered.ok) {
      await subscription.unsubscribe();
      throw new Error(answered.statusText);
    }
  };
  const unsubscribe = async (subscription) => {
    await send("DELETE", subscription);
    await subscription.unsubscribe();
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const subscription = await worker.pushManager.getSubscription();
      await (subscription ? unsubscribe(subscription) : subscribe());
      await show();
    } catch (error) {
      button.textContent = error.name === "NotAllowedError" ? button.dataset.pushDenied : button.dataset.pushFailed;
    }
    button.disabled = false;
  });
  await show();
})();
