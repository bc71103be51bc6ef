import puppeteer from 'puppeteer-core';
const [link, path, out, w] = process.argv.slice(2);
const b = await puppeteer.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-dev-shm-usage']});
const p = await b.newPage(); await p.setViewport({width:+(w??1280),height:900}); await p.goto(link); await p.goto(new URL(path,link));
console.log(await p.evaluate(()=>document.documentElement.scrollWidth-window.innerWidth));
await p.screenshot({path:out,fullPage:true}); await b.close(); process.exit();
