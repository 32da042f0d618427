import "./state/valid-language-tag.ts";
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./styles/index.css";
import { Page } from "./parts/page.tsx";
import { announceChanges } from "./state/announcer.ts";
import { follow } from "./state/feed.ts";

const host = document.getElementById("app");
if (host === null) throw new Error("index.html has no element with the id app");
render(<Page />, host);
announceChanges();
follow();
