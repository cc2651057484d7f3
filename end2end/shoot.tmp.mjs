import { chromium } from '@playwright/test';
import { spawn, execFileSync } from 'node:child_process';
import http from 'node:http';
const BIN=process.env.BIN, HOME=process.env.SHOME, PORT=8821;
// scripted model
const model = http.createServer((req,res)=>{ let b=''; req.on('data',d=>b+=d); req.on('end',()=>{ 
  if(req.url==='/v1/models') return res.end(JSON.stringify({data:[{id:'m'}]}));
  const args={title:'Move the team to the new office by Friday',body:'## Goal\nEverybody works at the new address on Monday.\n\n## Acceptance\n- [ ] desks stand\n- [ ] network works',rationale:'Packing and the network do not need each other; the move needs both.',tasks:[{title:'Pack the old office into labelled boxes',body:'Every desk, every shelf. Label with name and room.',assignee:'default'},{title:'Set up the network at the new office',body:'Fibre, switches, access points.\nTest with 20 devices.'},{title:'Move the boxes and unpack',body:'Van from nine.',after:[1,2]}]};
  res.setHeader('content-type','application/json'); res.end(JSON.stringify({id:'x',model:'m',choices:[{index:0,message:{role:'assistant',content:null,tool_calls:[{id:'1',type:'function',function:{name:'propose',arguments:JSON.stringify(args)}}]},finish_reason:'tool_calls'}],usage:{prompt_tokens:900,completion_tokens:300}})); }); }).listen(8822,'127.0.0.1');
import fs from 'node:fs';
fs.rmSync(HOME,{recursive:true,force:true}); fs.mkdirSync(HOME,{recursive:true});
fs.writeFileSync(HOME+'/config.yaml','model:\n  base_url: http://127.0.0.1:8822/v1\n  default: m\nkanban:\n  max_in_progress: 0\n');
const env={...process.env,HERMES_HOME:HOME};
execFileSync(BIN,['demo'],{env,stdio:'ignore'});
const srv=spawn(BIN,['serve','--addr','127.0.0.1:'+PORT],{env,stdio:['ignore','pipe','pipe']});
let out=''; srv.stdout.on('data',d=>out+=d); srv.stderr.on('data',d=>out+=d);
await new Promise(r=>setTimeout(r,2500));
const link=execFileSync(BIN,['setup-link'],{env}).toString().match(/http\S+/)[0].replace(/\/\/[^/]+/,'//127.0.0.1:'+PORT);
const b=await chromium.launch({executablePath:'/usr/bin/chromium',args:['--no-sandbox','--disable-gpu','--disable-quic','--no-first-run','--disable-dev-shm-usage']});
const shots={};
const sizes={phone:{width:390,height:844},desk:{width:1280,height:800}};
let storage;
{ const c=await b.newContext(); const p=await c.newPage(); await p.goto(link); await p.waitForTimeout(1500);
  const f=p.locator('input'); const n=await f.count(); for(let i=0;i<n;i++){const t=await f.nth(i).getAttribute('type'); await f.nth(i).fill(t==='password'?'correct horse battery staple':'Ada');}
  await p.locator('button[type=submit]').click(); await p.waitForTimeout(2500); storage=await c.storageState(); await c.close(); }
const card=JSON.parse(execFileSync(BIN,['kanban','create','Move the office','--triage','--json'],{env}).toString()).card.number;
const child=JSON.parse(execFileSync(BIN,['kanban','create','Invite everybody to the opening party','--parent','T-'+card,'--json'],{env}).toString()).card.number;
const list=JSON.parse(execFileSync(BIN,['kanban','list','--json'],{env}).toString());
const failed=list.find(c=>c.failures>0)||list.find(c=>c.state==='blocked');
const done=list.find(c=>c.state==='done');
for(const [name,viewport] of Object.entries(sizes)) for(const scheme of ['light','dark']) {
  const c=await b.newContext({storageState:storage,viewport,colorScheme:scheme,isMobile:name==='phone',hasTouch:name==='phone'});
  const p=await c.newPage(); p.on('pageerror',e=>console.log('ERR',e.message)); p.on('console',m=>m.type()==='error'&&console.log('console',m.text()));
  const shot=async(n,full)=>{await p.waitForTimeout(700); await p.screenshot({path:`/tmp/shots/${n}-${name}-${scheme}.png`,fullPage:!!full});};
  await p.goto(`http://127.0.0.1:${PORT}/board`); await shot('board');
  await p.goto(`http://127.0.0.1:${PORT}/card/${card}`); await p.waitForTimeout(1200);
  if(name==='phone'&&scheme==='light'){ await shot('triage'); await p.getByRole('button',{name:'Take it apart'}).click(); await p.waitForTimeout(1500);}
  await shot('proposal',true);
  if(failed){await p.goto(`http://127.0.0.1:${PORT}/card/${failed.number}`); await shot('failed',true);}
  if(done){await p.goto(`http://127.0.0.1:${PORT}/card/${done.number}`); await shot('done',true);}
  await p.goto(`http://127.0.0.1:${PORT}/board`); await p.waitForTimeout(800);
  if(name==='desk'){ await p.locator('article a').nth(3).focus(); await p.keyboard.press(' '); await shot('peek'); await p.keyboard.press('Escape');
    await p.getByRole('heading',{level:1}).getByRole('button').click().catch(()=>{}); await p.getByRole('menuitem',{name:/New swarm/}).click().catch(e=>console.log('noswarm')); await shot('swarm'); }
  else { await p.getByRole('heading',{level:1}).getByRole('button').click().catch(()=>{}); await p.getByRole('menuitem',{name:/New swarm/}).click().catch(e=>console.log('noswarm')); await shot('swarm'); }
  await c.close();
}
await b.close(); srv.kill('SIGTERM'); model.close(); process.exit(0);
