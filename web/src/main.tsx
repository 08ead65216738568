import { render } from "preact";
import { Page } from "./pages/page";
import { lookUp, watchOtherWindows } from "./state/login";
import "uplot/dist/uPlot.min.css";
import "./styles.css";

void lookUp();
watchOtherWindows();
render(<Page />, document.getElementById("page")!);
