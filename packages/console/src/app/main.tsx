document.getElementById("app")?.append("starting");
