/** Tests speak English unless they say otherwise. */
import { setLanguage } from "../src/i18n/index.ts";

await setLanguage("en");
