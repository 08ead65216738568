import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
set_seed(1); torch.set_num_threads(1)
a = Accelerator(cpu=True, log_with=["mlflow", "tensorboard"], project_dir="out"); a.init_trackers("tiny", config={"lr": 0.05})
net = torch.nn.Linear(8, 1); opt = torch.optim.SGD(net.parameters(), lr=0.05); net, opt = a.prepare(net, opt)
for step in range(120):
    x = torch.randn(32, 8); loss = ((net(x) - x.sum(1, keepdim=True)) ** 2).mean()
    a.backward(loss); opt.step(); opt.zero_grad(); a.log({"loss": loss.item(), "half": loss.item() / 2}, step=step)
a.end_training()
