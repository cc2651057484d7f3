import { chromium } from '@playwright/test';
const base='http://127.0.0.1:8799';
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-gpu','--disable-quic','--no-first-run','--disable-background-networking','--disable-component-update','--disable-sync']});
const log=p=>{p.on('console',m=>{if(['error','warning'].includes(m.type()))console.log('CONSOLE',m.type(),m.text().slice(0,300))}); p.on('pageerror',e=>console.log('PAGEERR',e.message.slice(0,300)));};
for (const [name,vp,scheme,touch] of [['desk-light',{width:1280,height:800},'light',false],['phone-light',{width:390,height:844},'light',true],['desk-dark',{width:1280,height:800},'dark',false],['phone-dark',{width:390,height:844},'dark',true]]) {
 const ctx=await b.newContext({viewport:vp,colorScheme:scheme,hasTouch:touch,isMobile:touch,deviceScaleFactor:1,storageState:'/tmp/h1/state.json'});
 const p=await ctx.newPage(); log(p);
 const go=async(path,file)=>{ await p.goto(base+path); await p.waitForSelector('html[data-hydrated]',{timeout:20000}).catch(()=>console.log('NOHYD',path)); await p.waitForTimeout(400); await p.screenshot({path:`/tmp/h1/shots/${name}-${file}.png`}); };
 await go('/board','board'); await go('/inbox','inbox'); await go('/settings','settings');
 await p.goto(base+'/inbox'); const h=await p.locator('a[href^="/d/"]').first().getAttribute('href').catch(()=>null); if(h) await go(h,'decision');
 await p.goto(base+'/board'); const c=await p.locator('a[href^="/card/"]').first().getAttribute('href').catch(()=>null); if(c) await go(c,'card');
 await p.goto(base+'/board'); await p.waitForSelector('html[data-hydrated]'); await p.getByRole('button',{name:/new card/i}).first().click().catch(e=>console.log('newcard',e.message.slice(0,80))); await p.waitForTimeout(400); await p.screenshot({path:`/tmp/h1/shots/${name}-new.png`});
 await ctx.close(); }
const ctx=await b.newContext({viewport:{width:390,height:844}}); const p=await ctx.newPage(); await p.goto(base+'/login'); await p.waitForTimeout(500); await p.screenshot({path:'/tmp/h1/shots/login.png'});
await b.close();
