import { render } from "preact";
import { Page } from "./pages/page";
import { lookUp } from "./state/login";
import "uplot/dist/uPlot.min.css";
import "./styles.css";

void lookUp();
render(<Page />, document.getElementById("page")!);
