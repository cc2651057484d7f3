import { chromium } from '@playwright/test';
const base='http://127.0.0.1:8799'; const link=process.argv[2];
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-gpu','--disable-quic','--no-first-run','--disable-background-networking','--disable-component-update','--disable-sync']});
const ctx=await b.newContext({viewport:{width:1280,height:800}});
const p=await ctx.newPage(); p.on('console',m=>{if(['error','warning'].includes(m.type()))console.log('CONSOLE',m.type(),m.text().slice(0,300))}); p.on('pageerror',e=>console.log('PAGEERR',e.message.slice(0,300)));
const hyd=async(pg=p)=>pg.waitForSelector('html[data-hydrated]',{timeout:20000}).catch(e=>console.log('NOHYD',pg.url()));
if(link){ await p.goto(link); await hyd(); await p.screenshot({path:'/tmp/h1/shots/setup.png'});
 const inputs=await p.$$('input'); for(const i of inputs) console.log(await i.getAttribute('name'),await i.getAttribute('type'));
 await p.getByLabel(/name/i).first().fill('Ada'); const pw=await p.$$('input[type=password]'); for(const i of pw) await i.fill('three green bicycles'); await p.keyboard.press('Enter'); await p.waitForURL(u=>!u.pathname.startsWith('/setup'),{timeout:15000}).catch(e=>console.log('still',p.url())); await ctx.storageState({path:'/tmp/h1/state.json'}); }
await b.close();
