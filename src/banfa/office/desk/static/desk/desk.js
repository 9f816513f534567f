// What the pages do beyond plain HTML. Everything here is a convenience: without it all works.
import { watchRows } from "./rows.js";
import { sendOnce } from "./once.js";
import { shortcuts } from "./keys.js";
import { showPlaces } from "./places.js";

watchRows(document);
sendOnce(document);
shortcuts(document);
showPlaces(document);
