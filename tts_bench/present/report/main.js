// Unpacks the payload and draws the page.

async function start() {
  const report = await Report.read();
  const lines = linesOf(report);
  byId("main").hidden = false;
  showFacts(report, lines);
  showVerdicts(report);
  showFront(report);
  showCurves(report, lines);
  showResults(report);
  showRuns(report);
  new Browser(report);
  byId("foot").textContent =
    `Made by tts-bench ${report.version}. The file needs nothing else and asks the network for nothing.`;
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  byId("subtitle").textContent =
    "DecompressionStream" in window
      ? `This report cannot be read (${error.message}): the file is damaged. Make it again with tts-bench report.`
      : "This browser is too old for this report: it takes Chrome 80, Firefox 113, Safari 16.4, or newer.";
});
