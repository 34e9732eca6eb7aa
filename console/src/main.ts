/** The console starts: theme, language, keyboard, then the window. */
import { preferredLanguage, setLanguage } from "./i18n";
import { listen } from "./shell/keys";
import { applyTheme } from "./shell/preferences";

applyTheme();
listen();
await setLanguage(preferredLanguage());
await import("./shell/app");
