; ModuleID = "halo"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"halo"(ptr %".1", i64 %".2", i64 %".3", ptr %".4") nounwind
{
entry:
  br label %"body"
body:
  %".7" = udiv i64 %".2", %".3"
  %".8" = add nsw i64 %".2", 1
  %".9" = udiv i64 %".8", %".3"
  %".10" = icmp slt i64 %".7", %".9"
  br i1 %".10", label %"loop", label %"done"
loop:
  %".12" = phi  i64 [%".7", %"body"], [%".81", %"done.5"]
  %".13" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".14" = load ptr, ptr %".13"
  %".15" = mul nsw i64 %".12", 288
  %".16" = getelementptr inbounds float, ptr %".14", i64 %".15"
  %".17" = getelementptr inbounds float, ptr %".16", i64 -56
  br label %"loop.1"
done:
  ret void
loop.1:
  %".19" = phi  i64 [0, %"loop"], [%".22", %"loop.1"]
  %".20" = getelementptr inbounds float, ptr %".17", i64 %".19"
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".20", align 4
  %".22" = add nsw i64 %".19", 8
  %".23" = icmp slt i64 %".22", 48
  br i1 %".23", label %"loop.1", label %"done.1"
done.1:
  %".25" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".26" = icmp slt i64 48, 48
  br i1 %".26", label %"loop.2", label %"done.2"
loop.2:
  %".28" = phi  i64 [48, %"done.1"], [%".31", %"loop.2"]
  %".29" = getelementptr inbounds float, ptr %".17", i64 %".28"
  store float %".25", ptr %".29", align 4
  %".31" = add nsw i64 %".28", 1
  %".32" = icmp slt i64 %".31", 48
  br i1 %".32", label %"loop.2", label %"done.2"
done.2:
  %".34" = getelementptr inbounds float, ptr %".17", i64 240
  br label %"loop.3"
loop.3:
  %".36" = phi  i64 [0, %"done.2"], [%".39", %"loop.3"]
  %".37" = getelementptr inbounds float, ptr %".34", i64 %".36"
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".37", align 4
  %".39" = add nsw i64 %".36", 8
  %".40" = icmp slt i64 %".39", 48
  br i1 %".40", label %"loop.3", label %"done.3"
done.3:
  %".42" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".43" = icmp slt i64 48, 48
  br i1 %".43", label %"loop.4", label %"done.4"
loop.4:
  %".45" = phi  i64 [48, %"done.3"], [%".48", %"loop.4"]
  %".46" = getelementptr inbounds float, ptr %".34", i64 %".45"
  store float %".42", ptr %".46", align 4
  %".48" = add nsw i64 %".45", 1
  %".49" = icmp slt i64 %".48", 48
  br i1 %".49", label %"loop.4", label %"done.4"
done.4:
  br label %"loop.5"
loop.5:
  %".52" = phi  i64 [1, %"done.4"], [%".78", %"done.7"]
  %".53" = mul nsw i64 %".52", 48
  %".54" = getelementptr inbounds float, ptr %".17", i64 %".53"
  %".55" = getelementptr inbounds float, ptr %".54", i64 0
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".55", align 4
  %".57" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".58" = icmp slt i64 8, 8
  br i1 %".58", label %"loop.6", label %"done.6"
done.5:
  %".81" = add nsw i64 %".12", 1
  %".82" = icmp slt i64 %".81", %".9"
  br i1 %".82", label %"loop", label %"done"
loop.6:
  %".60" = phi  i64 [8, %"loop.5"], [%".63", %"loop.6"]
  %".61" = getelementptr inbounds float, ptr %".54", i64 %".60"
  store float %".57", ptr %".61", align 4
  %".63" = add nsw i64 %".60", 1
  %".64" = icmp slt i64 %".63", 8
  br i1 %".64", label %"loop.6", label %"done.6"
done.6:
  %".66" = getelementptr inbounds float, ptr %".54", i64 40
  %".67" = getelementptr inbounds float, ptr %".66", i64 0
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".67", align 4
  %".69" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".70" = icmp slt i64 8, 8
  br i1 %".70", label %"loop.7", label %"done.7"
loop.7:
  %".72" = phi  i64 [8, %"done.6"], [%".75", %"loop.7"]
  %".73" = getelementptr inbounds float, ptr %".66", i64 %".72"
  store float %".69", ptr %".73", align 4
  %".75" = add nsw i64 %".72", 1
  %".76" = icmp slt i64 %".75", 8
  br i1 %".76", label %"loop.7", label %"done.7"
done.7:
  %".78" = add nsw i64 %".52", 1
  %".79" = icmp slt i64 %".78", 5
  br i1 %".79", label %"loop.5", label %"done.5"
}
