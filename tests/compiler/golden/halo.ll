; ModuleID = "halo"
target triple = "x86_64-unknown-linux-gnu"
target datalayout = ""

define void @"halo"(ptr %".1", i64 %".2", i64 %".3") nounwind
{
entry:
  br label %"body"
body:
  %".6" = udiv i64 %".2", %".3"
  %".7" = add nsw i64 %".2", 1
  %".8" = udiv i64 %".7", %".3"
  %".9" = icmp slt i64 %".6", %".8"
  br i1 %".9", label %"loop", label %"done"
loop:
  %".11" = phi  i64 [%".6", %"body"], [%".80", %"done.5"]
  %".12" = getelementptr inbounds ptr, ptr %".1", i64 0
  %".13" = load ptr, ptr %".12"
  %".14" = mul nsw i64 %".11", 288
  %".15" = getelementptr inbounds float, ptr %".13", i64 %".14"
  %".16" = getelementptr inbounds float, ptr %".15", i64 -56
  br label %"loop.1"
done:
  ret void
loop.1:
  %".18" = phi  i64 [0, %"loop"], [%".21", %"loop.1"]
  %".19" = getelementptr inbounds float, ptr %".16", i64 %".18"
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".19", align 4
  %".21" = add nsw i64 %".18", 8
  %".22" = icmp slt i64 %".21", 48
  br i1 %".22", label %"loop.1", label %"done.1"
done.1:
  %".24" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".25" = icmp slt i64 48, 48
  br i1 %".25", label %"loop.2", label %"done.2"
loop.2:
  %".27" = phi  i64 [48, %"done.1"], [%".30", %"loop.2"]
  %".28" = getelementptr inbounds float, ptr %".16", i64 %".27"
  store float %".24", ptr %".28", align 4
  %".30" = add nsw i64 %".27", 1
  %".31" = icmp slt i64 %".30", 48
  br i1 %".31", label %"loop.2", label %"done.2"
done.2:
  %".33" = getelementptr inbounds float, ptr %".16", i64 240
  br label %"loop.3"
loop.3:
  %".35" = phi  i64 [0, %"done.2"], [%".38", %"loop.3"]
  %".36" = getelementptr inbounds float, ptr %".33", i64 %".35"
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".36", align 4
  %".38" = add nsw i64 %".35", 8
  %".39" = icmp slt i64 %".38", 48
  br i1 %".39", label %"loop.3", label %"done.3"
done.3:
  %".41" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".42" = icmp slt i64 48, 48
  br i1 %".42", label %"loop.4", label %"done.4"
loop.4:
  %".44" = phi  i64 [48, %"done.3"], [%".47", %"loop.4"]
  %".45" = getelementptr inbounds float, ptr %".33", i64 %".44"
  store float %".41", ptr %".45", align 4
  %".47" = add nsw i64 %".44", 1
  %".48" = icmp slt i64 %".47", 48
  br i1 %".48", label %"loop.4", label %"done.4"
done.4:
  br label %"loop.5"
loop.5:
  %".51" = phi  i64 [1, %"done.4"], [%".77", %"done.7"]
  %".52" = mul nsw i64 %".51", 48
  %".53" = getelementptr inbounds float, ptr %".16", i64 %".52"
  %".54" = getelementptr inbounds float, ptr %".53", i64 0
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".54", align 4
  %".56" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".57" = icmp slt i64 8, 8
  br i1 %".57", label %"loop.6", label %"done.6"
done.5:
  %".80" = add nsw i64 %".11", 1
  %".81" = icmp slt i64 %".80", %".8"
  br i1 %".81", label %"loop", label %"done"
loop.6:
  %".59" = phi  i64 [8, %"loop.5"], [%".62", %"loop.6"]
  %".60" = getelementptr inbounds float, ptr %".53", i64 %".59"
  store float %".56", ptr %".60", align 4
  %".62" = add nsw i64 %".59", 1
  %".63" = icmp slt i64 %".62", 8
  br i1 %".63", label %"loop.6", label %"done.6"
done.6:
  %".65" = getelementptr inbounds float, ptr %".53", i64 40
  %".66" = getelementptr inbounds float, ptr %".65", i64 0
  store <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, ptr %".66", align 4
  %".68" = extractelement <8 x float> <float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0, float              0x0>, i32 0
  %".69" = icmp slt i64 8, 8
  br i1 %".69", label %"loop.7", label %"done.7"
loop.7:
  %".71" = phi  i64 [8, %"done.6"], [%".74", %"loop.7"]
  %".72" = getelementptr inbounds float, ptr %".65", i64 %".71"
  store float %".68", ptr %".72", align 4
  %".74" = add nsw i64 %".71", 1
  %".75" = icmp slt i64 %".74", 8
  br i1 %".75", label %"loop.7", label %"done.7"
done.7:
  %".77" = add nsw i64 %".51", 1
  %".78" = icmp slt i64 %".77", 5
  br i1 %".78", label %"loop.5", label %"done.5"
}
