import { render } from "preact";
import { Page } from "./pages/page";
import { begin } from "./state/early";
import { lookUp, watchOtherWindows } from "./state/login";
import { place } from "./state/place";
import "uplot/dist/uPlot.min.css";
import "./styles.css";

void lookUp();
begin(place.value.path);
watchOtherWindows();
render(<Page />, document.getElementById("page")!);
